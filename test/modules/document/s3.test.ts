import { readdir, readlink } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { type S3Service, startS3Service } from '../../setup/s3-service.ts'
import { done } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import {
  createStage,
  deleteDocument,
  download,
  filesIn,
  refusalOf,
  type Stage,
  upload,
  uploaded,
} from './ask.ts'

let service: S3Service
let world: World
let endpoint: ChatEndpoint
let stage: Stage

beforeAll(async () => {
  service = await startS3Service()
  const location = service.location('some/where')
  endpoint = await createChatEndpoint()
  const runtime = { url: endpoint.url, model: 'house-model' }
  world = await createWorld({ documents: { location, maxBytes: 16_000_000 }, runtime })
  stage = await createStage(world)
})
beforeEach(() => {
  service.failWith = undefined
})
afterAll(async () => {
  await world.close()
  await service.close()
  await endpoint.close()
})

const keys = () => [...service.objects.keys()]

const keyOf = ({ id, sha256 }: { id: string; sha256: string }): string =>
  `/bucket/some/where/${stage.workspace.id}/${sha256}-${id}`

/** The files on their way to the bucket that this process has open. */
async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(
    names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  )
  return targets.filter((target) => target.startsWith(world.incomingFolder))
}

test('each document is an object of the bucket under its hash and its id, until it is deleted', async () => {
  const { workspace, session } = stage
  const content = 'x'.repeat(300_000)
  const document = await uploaded(world, workspace.secret, session, content)
  expect(keys()).toEqual([keyOf(document)])
  expect(service.objects.get(keyOf(document))?.toString()).toBe(content)
  expect(await filesIn(world.incomingFolder)).toEqual([])
  expect(await (await download(world, workspace.secret, document.id)).text()).toBe(content)
  // That the content is there already shows nowhere: not in what is asked, nor in the time it takes.
  const again = await uploaded(world, workspace.secret, session, content)
  expect(keys()).toEqual([keyOf(document), keyOf(again)])
  await deleteDocument(world, workspace.secret, document.id)
  expect(keys()).toEqual([keyOf(again)])
  await deleteDocument(world, workspace.secret, again.id)
  expect(keys()).toEqual([])
  expect(service.requests.map((request) => request.split(' ')[0])).toEqual([
    'PUT',
    'GET',
    'PUT',
    'DELETE',
    'DELETE',
  ])
})

// A key that must go goes at once, whatever the bucket does.
test('a bucket that hangs keeps no change of the workspace waiting', async () => {
  const { workspace, session, make } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'kept')
  const key = await make.key({ name: 'to be revoked', permissions: ['workspace:read'] })
  const held = Promise.withResolvers<void>()
  service.heldBy = held.promise
  const before = service.requests.length
  const waiting = [
    deleteDocument(world, workspace.secret, id),
    upload(world, workspace.secret, session, 'more'),
  ]
  await vi.waitFor(() => expect(service.requests.slice(before)).toHaveLength(2), {
    timeout: 10_000,
  })
  const input = { id: key.id }
  const revoked = done(world, workspace.secret, 'revokeApiKey', 'revokedCount', input)
  expect(await Promise.race([revoked, ...waiting])).toMatchObject({ revokedCount: 1 })
  held.resolve()
  service.heldBy = undefined
  for (const { data, errors } of await Promise.all(waiting)) {
    expect(errors).toEqual([])
    expect(Object.values<any>(data)[0].errors).toEqual([])
  }
  const { data } = await world.gql(
    workspace.secret,
    `{ session(id: "${session}") { documents { id sha256 } } }`,
  )
  const [document] = data.session.documents
  expect(keys()).toEqual([keyOf(document)])
  await deleteDocument(world, workspace.secret, document.id)
})

test('a document that is deleted while it is asked for is none, to a download and to a run', async () => {
  const { workspace, session } = stage
  const ask = async (id: string) => (await download(world, workspace.secret, id)).status
  const run = async () => {
    const input = { sessionId: session, input: 'Hello' }
    const selection = 'run { status error }'
    return (await done(world, workspace.secret, 'runAgent', selection, input)).run
  }
  for (const [read, expected] of [
    [ask, 404],
    [run, { status: 'SUCCEEDED', error: null }],
  ] as const) {
    const { id } = await uploaded(world, workspace.secret, session, 'text')
    service.beforeGet = () => deleteDocument(world, workspace.secret, id)
    expect(await read(id)).toEqual(expected)
    expect(service.beforeGet).toBeUndefined()
  }
})

test('a bucket that fails makes no document, and is no answer', async () => {
  const { workspace, session } = stage
  const document = await uploaded(world, workspace.secret, session, 'kept')
  service.failWith = 500
  const answer = await upload(world, workspace.secret, session, 'x'.repeat(8_000_000))
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
  expect(JSON.stringify(answer)).not.toMatch(/bucket|SlowDown|127\.0\.0\.1/)
  expect((await download(world, workspace.secret, document.id)).status).toBe(503)
  // What is deleted is so, whatever becomes of its content.
  const { data } = await deleteDocument(world, workspace.secret, document.id)
  expect(data.deleteDocument.deletedId).toBe(document.id)
  service.failWith = undefined
  expect((await download(world, workspace.secret, document.id)).status).toBe(404)
  expect(await filesIn(world.incomingFolder)).toEqual([])
  await vi.waitFor(async () => expect(await openFiles()).toEqual([]), { timeout: 10_000 })
  const where = { sessionId: session, deletedAt: null }
  expect(await world.deps.prisma.document.count({ where })).toBe(0)
  expect(keys()).toContain(keyOf(document))
  expect(world.logs.join('')).toContain('a content without a document was not removed yet')
})
