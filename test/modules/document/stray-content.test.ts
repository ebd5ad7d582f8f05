import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { removeDueBlobs } from '../../../src/modules/document/orphaned-blobs.ts'
import { type S3Service, startS3Service } from '../../setup/s3-service.ts'
import { createWorld, type World } from '../../setup/world.ts'
import {
  createStage,
  deleteDocument,
  download,
  refusalOf,
  type Stage,
  upload,
  uploaded,
} from './ask.ts'

let service: S3Service
let world: World
let stage: Stage

beforeAll(async () => {
  service = await startS3Service()
  world = await createWorld({ documents: { location: service.location() } })
})
afterAll(async () => {
  await world.close()
  await service.close()
})
beforeEach(async () => {
  stage = await createStage(world)
})

const keys = () => [...service.objects.keys()]
const strays = () => world.deps.prisma.strayContent.count()

/** As if so much time had passed that nobody else removes what has no document. */
const makeDue = () =>
  world.deps.prisma.strayContent.updateMany({ data: { dueAt: new Date(Date.now() - 1_000) } })

/** A document that is deleted while the storage fails. */
async function deleteWithoutStorage(): Promise<void> {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  service.failWith = 500
  const { data } = await deleteDocument(world, workspace.secret, id)
  expect(data.deleteDocument).toEqual({ deletedId: id, errors: [] })
  service.failWith = undefined
}

test('what comes and goes as it should leaves nothing to be looked for', async () => {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'text')
  expect(await strays()).toBe(0)
  await deleteDocument(world, workspace.secret, id)
  expect([keys(), await strays()]).toEqual([[], 0])
})

test('a content that was not removed with its document is removed later', async () => {
  await deleteWithoutStorage()
  expect(keys()).toHaveLength(1)
  expect(world.logs.join('')).toContain('a content without a document was not removed yet')
  await removeDueBlobs(world.deps)
  expect(keys()).toHaveLength(1)
  await makeDue()
  // It fails again: it is left for as long again.
  service.failWith = 500
  await removeDueBlobs(world.deps)
  service.failWith = undefined
  await removeDueBlobs(world.deps)
  expect([keys().length, await strays()]).toEqual([1, 1])
  await makeDue()
  await removeDueBlobs(world.deps)
  expect([keys(), await strays()]).toEqual([[], 0])
})

// A server that dies there leaves exactly this.
test('a content is found from before it is put until its document has come', async () => {
  const { workspace, session } = stage
  const stored = Promise.withResolvers<void>()
  const told = Promise.withResolvers<void>()
  service.afterPut = () => {
    stored.resolve()
    return told.promise
  }
  const answered = upload(world, workspace.secret, session, 'text')
  await stored.promise
  expect([keys().length, await strays()]).toEqual([1, 1])
  await removeDueBlobs(world.deps)
  expect(keys()).toHaveLength(1)
  await makeDue()
  await removeDueBlobs(world.deps)
  expect([keys(), await strays()]).toEqual([[], 0])
  // It did not die after all, but came too late.
  told.resolve()
  const answer = await answered
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
  expect(await world.deps.prisma.document.count({ where: { sessionId: session } })).toBe(0)
})

test('a content that comes once it has been given up is removed by whoever put it', async () => {
  const { workspace, session } = stage
  const held = Promise.withResolvers<void>()
  const before = service.requests.length
  service.heldBy = held.promise
  const answered = upload(world, workspace.secret, session, 'text')
  await vi.waitFor(() => expect(service.requests).toHaveLength(before + 1), { timeout: 10_000 })
  service.heldBy = undefined
  await makeDue()
  await removeDueBlobs(world.deps)
  held.resolve()
  expect((await answered).status).toBe(503)
  expect([keys(), await strays()]).toEqual([[], 0])
})

test('several servers that look at once remove each content once', async () => {
  for (let i = 0; i < 3; i++) await deleteWithoutStorage()
  await makeDue()
  const before = service.requests.length
  await Promise.all([1, 2, 3].map(() => removeDueBlobs(world.deps)))
  expect(service.requests.slice(before)).toHaveLength(3)
  expect([keys(), await strays()]).toEqual([[], 0])
})

test('the content of a document is never removed', async () => {
  const { workspace, session } = stage
  const { id, sha256 } = await uploaded(world, workspace.secret, session, 'kept')
  const content = { workspaceId: workspace.id, documentId: id, sha256 }
  await world.deps.prisma.strayContent.create({
    data: { ...content, isAwaited: false, dueAt: new Date() },
  })
  await makeDue()
  await removeDueBlobs(world.deps)
  expect(await (await download(world, workspace.secret, id)).text()).toBe('kept')
})
