import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMigrations } from '../../../src/db/migrations.ts'
import { Prisma } from '../../../src/generated/prisma/client.ts'
import { insertDocument } from '../../auth/insert-session.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { download, uploadQuery } from '../document/ask.ts'
import { createRunWorld, type RunWorld } from '../run/run-world.ts'

let it: RunWorld
let count = 0
const everything = ['agents:*', 'sessions:*', 'documents:*']

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

const asOwner = (mutation: string, input: object, selection = '__typename') =>
  done(it.world, it.workspace.secret, mutation, selection, { ...input })

/** A key for both spaces, with less in B if so given. */
const keyOf = (inB?: readonly string[], inA?: readonly string[]) =>
  it.make.key({
    name: `key ${++count}`,
    permissions: everything,
    spaces: [
      { spaceId: it.spaces.a, ...(inA && { permissions: inA }) },
      { spaceId: it.spaces.b, ...(inB && { permissions: inB }) },
    ],
  })

const move = (id: string, ...spaceIds: string[]) => asOwner('updateAgent', { id, spaceIds })

/** A session that began in one space, or in some, while its agent is in another one now. */
async function movedSession(from: readonly string[], to: readonly string[]) {
  const agentId = await it.make.agent({ name: `moved ${++count}`, spaceIds: from })
  const { session } = await asOwner('createSession', { agentId, reference: 'r' }, 'session { id }')
  const { workspace, world } = it
  const documentId = await insertDocument(world, workspace, session.id)
  await move(agentId, ...to)
  return { agentId, sessionId: session.id as string, documentId }
}

type Moved = Awaited<ReturnType<typeof movedSession>>

/** What takes a permission for a session that the caller sees, by that permission. */
const attempts: Record<string, (secret: string, moved: Moved) => Promise<string[]>> = {
  'agents:run': (secret, { sessionId }) =>
    outcome(it.world, secret, 'runAgent', { sessionId, input: 'Hello' }),
  'sessions:terminate': (secret, { sessionId: id }) =>
    outcome(it.world, secret, 'terminateSession', { id }),
  'documents:upload': async (secret, { sessionId }) => {
    const file = new File(['text'], 'text.txt')
    const { data, errors } = await it.world.gql(secret, uploadQuery, { sessionId, file })
    const refused = errors.map(
      ({ extensions }) => `${extensions.code} ${extensions.missingPermissions}`,
    )
    return refused.length > 0 ? refused : data.uploadDocument.errors
  },
  'documents:delete': (secret, { documentId: id }) =>
    outcome(it.world, secret, 'deleteDocument', { id }),
}

const reading = ['agents:read', 'sessions:read', 'documents:read']

test.each(Object.entries(attempts))(
  '%s: is asked for in the space in which the session began, and in that of its agent',
  async (permission, attempt) => {
    const { a, b } = it.spaces
    const [toA, toB] = [await movedSession([b], [a]), await movedSession([a], [b])]
    const onlyInA = await keyOf(reading)
    for (const moved of [toA, toB]) {
      expect(await attempt(onlyInA.secret, moved)).toEqual([`FORBIDDEN ${permission}`])
      expect((await download(it.world, onlyInA.secret, moved.documentId)).status).toBe(503)
    }
  },
)

test('cancelRun: agents:run is asked for in the space in which the session began', async () => {
  const { a, b } = it.spaces
  const agentId = await it.make.agent({ name: `moved ${++count}`, spaceIds: [b] })
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId })
  await move(agentId, a)
  const cancel = async (inB: readonly string[]) =>
    outcome(it.world, (await keyOf(inB)).secret, 'cancelRun', { id })
  expect(await cancel([])).toEqual(['NOT_FOUND input.id'])
  expect(await cancel(reading)).toEqual(['FORBIDDEN agents:run'])
  expect(await cancel([...reading, 'agents:run'])).toEqual(['done'])
  release()
})

// What it makes itself has the agent's spaces of then: those of now are no way around them.
test('runAgent: the session of a run keeps the spaces that the agent had', async () => {
  const { a, b } = it.spaces
  const agentId = await it.make.agent({ name: `moved ${++count}`, spaceIds: [b] })
  const { run } = await asOwner('runAgent', { agentId, input: 'In B' }, 'run { id session { id } }')
  await move(agentId, a)
  const seen = `{ run(id: "${run.id}") { output } session(id: "${run.session.id}") { id } }`
  const inA = await keyOf([])
  expect((await it.world.gql(inA.secret, seen)).data).toEqual({ run: null, session: null })
  const inBoth = await keyOf()
  expect((await it.world.gql(inBoth.secret, seen)).data.run).toEqual({ output: 'You said: In B' })
  const input = { sessionId: run.session.id, input: 'What was said?' }
  expect(await outcome(it.world, inA.secret, 'runAgent', input)).toEqual([
    'NOT_FOUND input.sessionId',
  ])
})

test('createSession: the reference of a session out of reach is taken, and no more is told', async () => {
  const { a, b } = it.spaces
  const { agentId } = await movedSession([b], [a])
  const create = async (inB: readonly string[]) =>
    outcome(it.world, (await keyOf(inB)).secret, 'createSession', { agentId, reference: 'r' })
  expect(await create([])).toEqual(['INVALID input.reference'])
  expect(await create(reading)).toEqual(['NAME_TAKEN input.reference'])
})

test('a session that began in a space that is deleted is within reach with all spaces only', async () => {
  const { a } = it.spaces
  const gone = await it.make.space({ name: `gone ${++count}` })
  const spaces = [a, gone].map((spaceId) => ({ spaceId }))
  const listed = await it.make.key({ name: `l ${count}`, permissions: everything, spaces })
  const all = { permissions: everything, allSpaces: true }
  const { secret: everywhere } = await it.make.key({ name: `e ${count}`, ...all })
  const robot = await it.make.machine({ name: 'builder', role: 'BUILDER', spaceIds: [a, gone] })
  const builder = await it.make.key({ name: `b ${count}`, ownerId: robot.userId, ...all })
  const { sessionId } = await movedSession([gone], [a])
  const query = `{ session(id: "${sessionId}") { id } }`
  const seen = async (secret: string) => (await it.world.gql(secret, query)).data.session
  for (const { secret } of [listed, builder]) expect(await seen(secret)).toEqual({ id: sessionId })
  await asOwner('deleteSpace', { id: gone })
  for (const { secret } of [listed, builder]) expect(await seen(secret)).toBeNull()
  expect(await seen(everywhere)).toEqual({ id: sessionId })
})

// Between question and answer the agent moves, and then the caller loses the space that it left.
test.each([
  ['of its own', true],
  ['that it names', false],
])(
  'runAgent: a run in a session %s is CANCELED once the space of then is lost',
  async (_, isOwn) => {
    const { a, b } = it.spaces
    const agentId = await it.make.agent({ name: `moved ${++count}`, spaceIds: [a, b] })
    const key = await keyOf()
    const input = isOwn
      ? { agentId }
      : {
          sessionId: (
            await done(it.world, key.secret, 'createSession', 'session { id }', { agentId })
          ).session.id,
        }
    const asked = it.endpoint.requests.length
    const release = it.holdAnswers()
    const waiting = outcome(it.world, key.secret, 'runAgent', { ...input, input: 'waits' })
    await it.endpoint.asked(asked + 1)
    await move(agentId, a)
    await asOwner('updateApiKey', { id: key.id, spaces: [{ spaceId: a }] })
    release()
    expect(await waiting).toEqual([isOwn ? 'FORBIDDEN agents:run' : 'NOT_FOUND input.sessionId'])
    const run = await it.world.deps.prisma.run.findFirst({ where: { session: { agentId } } })
    expect(run).toMatchObject({ status: 'CANCELED', output: null })
  },
)

// Sessions of before the spaces were kept.
test('the migration gives sessions the spaces that their agents have', async () => {
  const { prisma } = it.world.deps
  const { a, b } = it.spaces
  const gone = await it.make.space({ name: `gone ${++count}` })
  const { sessionId } = await movedSession([b], [a, gone])
  await asOwner('deleteSpace', { id: gone })
  await prisma.sessionSpace.deleteMany()
  const { sql = '' } = readMigrations().find(({ name }) => name.endsWith('_session_spaces')) ?? {}
  await prisma.$executeRaw(Prisma.raw(sql.slice(sql.indexOf('INSERT INTO'))))
  const rows = await prisma.sessionSpace.findMany({ where: { sessionId } })
  expect(rows.map(({ spaceId }) => spaceId).sort()).toEqual([a, gone].sort())
})
