import { afterAll, beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { createRunWorld, type RunWorld } from '../run/run-world.ts'

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

let count = 0

/** A key of the owner's for both spaces, with less in B if so given. */
const keyOf = async (permissions: string[], inB?: string[]): Promise<string> => {
  const name = `key ${++count}`
  const spaces = [
    { spaceId: it.spaces.a },
    { spaceId: it.spaces.b, ...(inB && { permissions: inB }) },
  ]
  return (await it.make.key({ name, permissions, spaces })).secret
}

const begin = async (agentId = it.agentInBoth, secret = it.workspace.secret): Promise<string> =>
  (await done(it.world, secret, 'createSession', 'session { id }', { agentId })).session.id

/** What the runtime mutations need of a session or agent, asked by a key. */
const attempts: Record<string, (secret: string, agentId: string) => Promise<string[]>> = {
  'agents:run': (secret, agentId) =>
    outcome(it.world, secret, 'runAgent', { agentId, input: 'Hello' }),
  'sessions:create': (secret, agentId) => outcome(it.world, secret, 'createSession', { agentId }),
  'sessions:terminate': async (secret, agentId) =>
    outcome(it.world, secret, 'terminateSession', { id: await begin(agentId) }),
}
const runtime = Object.keys(attempts)
const reading = ['agents:read', 'sessions:read', 'documents:read']

// runAgent without a session makes its own: that is part of running, and takes no sessions:create.
test.each(runtime)('%s alone lets exactly its operation through', async (permission) => {
  const secret = await keyOf([...reading, permission])
  for (const [needed, attempt] of Object.entries(attempts))
    expect([needed, await attempt(secret, it.agentInBoth)]).toEqual([
      needed,
      needed === permission ? ['done'] : [`FORBIDDEN ${needed}`],
    ])
})

test.each(runtime)('everything but %s lets exactly its operation not through', async (missing) => {
  const rest = runtime.filter((name) => name !== missing)
  const secret = await keyOf([...reading, ...rest, 'agents:create', 'agents:update', 'keys:*'])
  for (const [needed, attempt] of Object.entries(attempts))
    expect([needed, await attempt(secret, it.agentInBoth)]).toEqual([
      needed,
      needed === missing ? [`FORBIDDEN ${needed}`] : ['done'],
    ])
})

// An agent in two spaces takes the permission in both of them: not to hold it in one is FORBIDDEN,
// not to read there makes the agent absent.
test.each(runtime)('%s is asked for in every space of the agent', async (permission) => {
  const attempt = attempts[permission] ?? (() => Promise.reject(new Error(permission)))
  const onlyInA = await keyOf([...reading, permission], reading)
  expect(await attempt(onlyInA, it.agentInA)).toEqual(['done'])
  expect(await attempt(onlyInA, it.agentInBoth)).toEqual([`FORBIDDEN ${permission}`])
  const blindInB = await keyOf([...reading, permission], [])
  const path = permission === 'sessions:terminate' ? 'id' : 'agentId'
  expect(await attempt(blindInB, it.agentInA)).toEqual(['done'])
  expect(await attempt(blindInB, it.agentInBoth)).toEqual([`NOT_FOUND input.${path}`])
})

// The runtime permissions stand apart from the level: no level runs anything.
test.each([
  ['NONE', [], []],
  ['VIEW', ['read'], []],
  ['EDIT', ['read', 'update'], []],
  ['FULL', ['read', 'update', 'create', 'delete'], []],
  ['EDIT', ['read', 'update'], ['agents:run']],
])('the level %s on agents allows to %j and, with %j, no more', async (level, allowed, more) => {
  const name = `level ${++count}`
  const spaces = [{ spaceId: it.spaces.a }, { spaceId: it.spaces.b }]
  const scope = await it.make.scope({ name, agentAccess: level, permissions: more })
  const { secret } = await it.make.key({ name, scopeIds: [scope], spaces })
  const agentId = await it.make.agent({ name, spaceIds: [it.spaces.a] })
  const told = {
    read: (await it.world.gql(secret, `{ agent(id: "${agentId}") { id } }`)).data.agent?.id,
    update: await outcome(it.world, secret, 'updateAgent', { id: agentId, name: 'changed' }),
    create: await outcome(it.world, secret, 'createAgent', { name, spaceIds: [it.spaces.a] }),
    run: await outcome(it.world, secret, 'runAgent', { agentId, input: 'Hello' }),
    session: await outcome(it.world, secret, 'createSession', { agentId }),
    delete: await outcome(it.world, secret, 'deleteAgent', { id: agentId }),
  }
  const expected = (action: string) =>
    allowed.includes(action as never) ? ['done'] : [`FORBIDDEN agents:${action}`]
  expect(told).toEqual({
    read: level === 'NONE' ? undefined : agentId,
    update: expected('update'),
    create: expected('create'),
    run: more.length > 0 ? ['done'] : ['FORBIDDEN agents:run'],
    session: ['FORBIDDEN sessions:create'],
    delete: expected('delete'),
  })
})

async function memberOf(role: string, permissions = ['*']) {
  const human = await addHuman(it.world, it.workspace, role)
  for (const spaceId of [it.spaces.a, it.spaces.b])
    await done(it.world, it.workspace.secret, 'addSpaceMember', 'space { id }', {
      spaceId,
      memberId: human.memberId,
    })
  const key = await humanKey(it.world, it.workspace, human, { permissions, allSpaces: true })
  return { ...human, ...key }
}

const everySession = `{ sessions(first: 100) { nodes { id createdById } }
  agents { nodes { sessions(first: 100) { nodes { id } } } } }`

// A member's sessions are the user's own; those of others are not there for them at all.
test('a MEMBER sees and uses the sessions of their own user alone, by whatever key', async () => {
  const [mia, max] = [await memberOf('MEMBER'), await memberOf('MEMBER')]
  const { run } = await done(it.world, mia.secret, 'runAgent', 'run { id session { id } }', {
    agentId: it.agentInBoth,
    input: 'Mine',
  })
  const sessionId = run.session.id
  const { data } = await it.world.gql(mia.secret, everySession)
  expect(data.sessions.nodes).toEqual([{ id: sessionId, createdById: mia.userId }])
  expect(data.agents.nodes.flatMap((agent: any) => agent.sessions.nodes)).toEqual([
    { id: sessionId },
  ])
  const own = await humanKey(it.world, it.workspace, mia, { permissions: ['*'], allSpaces: true })
  const seen = `{ session(id: "${sessionId}") { id } run(id: "${run.id}") { id } }`
  for (const { secret } of [mia, own])
    expect((await it.world.gql(secret, seen)).data).toEqual({
      session: { id: sessionId },
      run: { id: run.id },
    })
  expect((await it.world.gql(max.secret, seen)).data).toEqual({ session: null, run: null })
  const ask = { sessionId, input: 'What did she say?' }
  expect(await outcome(it.world, max.secret, 'runAgent', ask)).toEqual([
    'NOT_FOUND input.sessionId',
  ])
  for (const [mutation, id] of [
    ['terminateSession', sessionId],
    ['cancelRun', run.id],
  ])
    expect(await outcome(it.world, max.secret, mutation, { id })).toEqual(['NOT_FOUND input.id'])
  // Whoever builds agents sees how they are used.
  const { secret } = await memberOf('BUILDER')
  expect((await it.world.gql(secret, seen)).data.session).toEqual({ id: sessionId })
  expect(await outcome(it.world, secret, 'terminateSession', { id: sessionId })).toEqual(['done'])
})

// What was said is read by going on with it, so that takes sessions:read, one's own included.
test('a key that reads no sessions runs agents, cancels its own runs, and goes on with none', async () => {
  const [secret, other] = [await keyOf(['agents:read', 'agents:run']), await keyOf(['agents:*'])]
  const release = it.holdAnswers()
  const { id, sessionId } = await it.begin({ agentId: it.agentInA }, secret)
  const read = `{ run(id: "${id}") { id } }`
  expect((await it.world.gql(secret, read)).errors[0]?.extensions).toMatchObject({
    missingPermissions: ['sessions:read'],
  })
  expect(await outcome(it.world, secret, 'runAgent', { sessionId, input: 'And?' })).toEqual([
    'NOT_FOUND input.sessionId',
  ])
  expect(await outcome(it.world, other, 'cancelRun', { id })).toEqual(['NOT_FOUND input.id'])
  expect(await outcome(it.world, secret, 'cancelRun', { id })).toEqual(['done'])
  release()
})

test('what a run was begun with is shown in its payload, its session only to who reads sessions', async () => {
  const secret = await keyOf(['agents:read', 'agents:run'])
  const { data, errors } = await it.world.gql(
    secret,
    `mutation { runAgent(input: { agentId: "${it.agentInA}", input: "Hello" }) {
      run { output session { id } createdBy { id } createdById } } }`,
  )
  expect(data.runAgent.run).toEqual({
    output: 'You said: Hello',
    session: null,
    createdBy: null,
    createdById: it.workspace.ownerId,
  })
  expect(errors.map(({ extensions }) => extensions.missingPermissions)).toEqual([
    ['sessions:read'],
    ['members:read'],
  ])
})
