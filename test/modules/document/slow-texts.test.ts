import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { type S3Service, startS3Service } from '../../setup/s3-service.ts'
import { done } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { createStage, type Stage, uploaded } from './ask.ts'

/** A session with a document. */
interface Scene {
  readonly world: World
  readonly stage: Stage
}

let service: S3Service
let endpoint: ChatEndpoint
/** In which a run has 4 s, and as long as it likes. */
let brief: Scene
let patient: Scene

beforeAll(async () => {
  service = await startS3Service()
  endpoint = await createChatEndpoint()
  brief = await openScene(4)
  patient = await openScene(3_600)
})
afterAll(async () => {
  await service.close()
  for (const { world } of [brief, patient]) await world.close()
  await endpoint.close()
})

async function openScene(timeoutSeconds: number): Promise<Scene> {
  const world = await createWorld({
    documents: { location: service.location() },
    runtime: { url: endpoint.url, model: 'house-model', timeoutSeconds },
  })
  const stage = await createStage(world)
  await uploaded(world, stage.workspace.secret, stage.session, 'a text')
  return { world, stage }
}

/** Begins a run whose documents are not given; resolves once they are asked for. */
async function beginStuck({ world, stage }: Scene): Promise<string> {
  const isAsked = Promise.withResolvers<void>()
  service.beforeGet = () => {
    isAsked.resolve()
    return new Promise(() => undefined)
  }
  const input = { sessionId: stage.session, input: 'What do they say?', background: true }
  const { run } = await done(world, stage.workspace.secret, 'runAgent', 'run { id }', input)
  await isAsked.promise
  return run.id
}

const rowOf = ({ world }: Scene, id: string) =>
  world.deps.prisma.run.findFirstOrThrow({ where: { id } })

test('a run whose documents cannot be read in the time of a run is FAILED', async () => {
  const id = await beginStuck(brief)
  await expect.poll(async () => (await rowOf(brief, id)).status, { timeout: 20_000 }).toBe('FAILED')
  expect(await rowOf(brief, id)).toMatchObject({
    error: 'The documents of the session took longer than 4 s.',
  })
  expect(endpoint.requests).toHaveLength(0)
})

test('a run that is canceled while its documents are read is given up at once', async () => {
  const { world, stage } = patient
  const id = await beginStuck(patient)
  await done(world, stage.workspace.secret, 'cancelRun', 'run { id }', { id })
  await expect.poll(() => world.deps.runtime.underWay.ids(), { timeout: 20_000 }).not.toContain(id)
  expect(await rowOf(patient, id)).toMatchObject({ status: 'CANCELED' })
  expect(endpoint.requests).toHaveLength(0)
})
