import { afterAll, beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { inSeconds, mint, rewrite } from '../access-token/ask.ts'
import { directly } from '../api-key/ask.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

let count = 0
const runtime = ['agents:read', 'agents:run', 'sessions:read', 'sessions:create']

/** A key of a new BUILDER who was added to both spaces, and that person. */
async function builder(permissions = runtime) {
  const human = await addHuman(it.world, it.workspace, 'BUILDER')
  for (const spaceId of [it.spaces.a, it.spaces.b])
    await asOwner('addSpaceMember', { spaceId, memberId: human.memberId })
  const grants = [it.spaces.a, it.spaces.b].map((spaceId) => ({
    spaceId,
    narrowed: false,
    permissions: [],
  }))
  const key = await humanKey(it.world, it.workspace, human, { permissions, grants })
  return { ...human, ...key }
}

const asOwner = (mutation: string, input: object) =>
  done(it.world, it.workspace.secret, mutation, '__typename', { ...input })

type Builder = Awaited<ReturnType<typeof builder>>

/** What takes the access away that a run was begun by, and what its caller is told of it. */
const endings: Record<string, [(who: Builder, agentId: string) => Promise<unknown>, string[]]> = {
  'the key is revoked': [({ id }) => asOwner('revokeApiKey', { id }), ['UNAUTHENTICATED REVOKED']],
  'the key is disabled': [
    ({ id }) => asOwner('disableApiKey', { id }),
    ['UNAUTHENTICATED DISABLED'],
  ],
  'the key expires': [
    ({ id }) =>
      directly(it.world, it.workspace.id, (prisma) =>
        prisma.apiKey.updateMany({ where: { id }, data: { expiresAt: inSeconds(-1) } }),
      ),
    ['UNAUTHENTICATED EXPIRED'],
  ],
  'the key loses agents:run': [
    ({ id }) => asOwner('updateApiKey', { id, permissions: ['agents:read'] }),
    ['FORBIDDEN agents:run'],
  ],
  'the key is narrowed in one of the spaces': [
    ({ id }) =>
      asOwner('updateApiKey', {
        id,
        spaces: [{ spaceId: it.spaces.a }, { spaceId: it.spaces.b, permissions: ['agents:read'] }],
      }),
    ['FORBIDDEN agents:run'],
  ],
  'the key loses one of the spaces': [
    ({ id }) => asOwner('updateApiKey', { id, spaces: [{ spaceId: it.spaces.a }] }),
    ['NOT_FOUND input.agentId'],
  ],
  'the owner loses one of the spaces': [
    ({ memberId }) => asOwner('removeSpaceMember', { spaceId: it.spaces.b, memberId }),
    ['NOT_FOUND input.agentId'],
  ],
  'the owner is removed': [
    ({ memberId }) => asOwner('removeMember', { id: memberId }),
    ['UNAUTHENTICATED OWNER_REMOVED'],
  ],
  'the agent is put into a space out of reach': [
    async (_who, id) => {
      const spaceId = await it.make.space({ name: `far ${++count}` })
      await asOwner('updateAgent', { id, spaceIds: [it.spaces.a, spaceId] })
    },
    ['NOT_FOUND input.agentId'],
  ],
  'the agent is deleted': [
    (_who, id) => asOwner('deleteAgent', { id }),
    ['NOT_FOUND input.agentId'],
  ],
}

// Whoever could not ask any more gets no answer, and nobody else does in their name.
test.each(Object.entries(endings))(
  'a run is CANCELED, and its answer given to nobody, where %s',
  async (_, [end, told]) => {
    const who = await builder()
    const spaceIds = [it.spaces.a, it.spaces.b]
    const agentId = await it.make.agent({ name: `agent ${++count}`, spaceIds })
    const asked = it.endpoint.requests.length
    const release = it.holdAnswers()
    const waiting = outcome(it.world, who.secret, 'runAgent', { agentId, input: 'waits' })
    const background = await it.begin({ agentId }, who.secret)
    await it.endpoint.asked(asked + 2)
    await end(who, agentId)
    release()
    expect(await waiting).toEqual(told)
    const canceled = {
      status: 'CANCELED',
      output: null,
      error: 'The access by which it was begun ended before the answer came.',
      finishedAt: expect.any(String),
    }
    expect(await it.ended(background.id)).toMatchObject(canceled)
    const runs = await it.world.deps.prisma.run.findMany({
      where: { createdById: who.userId },
      select: { status: true, output: true, replicaId: true, leaseExpiresAt: true },
    })
    const over = { status: 'CANCELED', output: null, replicaId: null, leaseExpiresAt: null }
    expect(runs).toEqual([over, over])
  },
)

test('a run that a key began for a person is not the answer to the machine user who has the key', async () => {
  const who = await builder()
  const robot = await it.make.machine({
    name: 'robot',
    role: 'BUILDER',
    spaceIds: [it.spaces.a, it.spaces.b],
  })
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInBoth }, who.secret)
  await asOwner('transferApiKey', { id: who.id, ownerId: robot.userId })
  release()
  expect(await it.ended(id)).toMatchObject({ status: 'CANCELED', output: null })
})

// What takes nothing away does not take the answer away either.
test('a run goes on where the key is renamed, or rotated with an overlap, or its owner promoted', async () => {
  const who = await builder()
  const own = await it.make.key({ name: 'to rotate', permissions: ['*'], allSpaces: true })
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInBoth }, who.secret)
  const { id: other } = await it.begin({ agentId: it.agentInBoth }, own.secret)
  await asOwner('updateApiKey', { id: who.id, name: 'renamed' })
  await asOwner('rotateApiKey', { id: own.id })
  await asOwner('updateMember', { id: who.memberId, role: 'ADMIN' })
  await asOwner('updateAgent', { id: it.agentInBoth, name: 'renamed' })
  release()
  for (const run of [id, other])
    expect(await it.ended(run)).toMatchObject({ status: 'SUCCEEDED', output: 'You said: Hello' })
})

// A colleague's session is read by going on with it: that takes seeing it, to the end.
test('a run in a session of somebody else is CANCELED once its caller does not see the session', async () => {
  const { session } = await done(it.world, it.workspace.secret, 'createSession', 'session { id }', {
    agentId: it.agentInBoth,
  })
  for (const end of [
    ({ memberId }: Builder) => asOwner('updateMember', { id: memberId, role: 'MEMBER' }),
    ({ id }: Builder) =>
      asOwner('updateApiKey', { id, permissions: ['agents:read', 'agents:run'] }),
  ]) {
    const who = await builder()
    const release = it.holdAnswers()
    const { id } = await it.begin({ sessionId: session.id }, who.secret)
    await end(who)
    release()
    expect(await it.ended(id)).toMatchObject({ status: 'CANCELED', output: null })
  }
})

test("a run in a session of one's own is CANCELED once its agent is deleted", async () => {
  const agentId = await it.make.agent({ name: `agent ${++count}`, spaceIds: [it.spaces.a] })
  const { secret } = it.workspace
  const { session } = await done(it.world, secret, 'createSession', 'session { id }', { agentId })
  const asked = it.endpoint.requests.length
  const release = it.holdAnswers()
  const input = { sessionId: session.id, input: 'waits' }
  const waiting = outcome(it.world, secret, 'runAgent', input)
  await it.endpoint.asked(asked + 1)
  await asOwner('deleteAgent', { id: agentId })
  release()
  expect(await waiting).toEqual(['NOT_FOUND input.sessionId'])
  const run = await it.world.deps.prisma.run.findFirst({ where: { sessionId: session.id } })
  expect(run).toMatchObject({ status: 'CANCELED', output: null })
})

// A key without an overlap was rotated because somebody else may have it.
test('a run is CANCELED with the very secret, or token, that began it', async () => {
  const key = await it.make.key({ name: 'leaked', permissions: ['*'], allSpaces: true })
  const minted = await mint(it.world, it.workspace.secret)
  const release = it.holdAnswers()
  const runs = [
    await it.begin({ agentId: it.agentInA }, key.secret),
    await it.begin({ agentId: it.agentInA }, minted.token),
  ]
  await asOwner('rotateApiKey', { id: key.id, overlapSeconds: 0 })
  await rewrite(it.world, it.workspace.id, [minted], { expiresAt: inSeconds(-1) })
  release()
  for (const { id } of runs)
    expect(await it.ended(id)).toMatchObject({ status: 'CANCELED', output: null })
})
