import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type S3Service, startS3Service } from '../../setup/s3-service.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { createStage, download, refusalOf, type Stage, upload, uploaded } from './ask.ts'

const silence = 1_000

let service: S3Service
let world: World
let stage: Stage

beforeAll(async () => {
  service = await startS3Service()
  world = await createWorld({
    documents: { location: service.location(), maxBytes: 16_000_000 },
    timeouts: { connection: 5_000, silence, answer: 1_000 },
  })
  stage = await createStage(world)
})
afterEach(() => {
  service.heldBy = undefined
})
afterAll(async () => {
  await service.close()
  await world.close()
})

const never = new Promise<void>(() => undefined)

test('whoever reads slowly is given all of it', async () => {
  const content = Buffer.alloc(16_000_000, 'slow ')
  const { id } = await uploaded(world, stage.workspace.secret, stage.session, content)
  const response = await download(world, stage.workspace.secret, id)
  await sleep(3 * silence)
  expect((await response.arrayBuffer()).byteLength).toBe(content.length)
})

test('a bucket that does not begin to answer is waited for only so long', async () => {
  const { id } = await uploaded(world, stage.workspace.secret, stage.session, 'text')
  service.heldBy = never
  expect((await download(world, stage.workspace.secret, id)).status).toBe(503)
})

test('a bucket that falls silent over an upload is waited for only so long', async () => {
  service.heldBy = never
  const answer = await upload(world, stage.workspace.secret, stage.session, 'text')
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
})
