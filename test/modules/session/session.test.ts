import { beforeEach, expect, test } from 'vitest'
import { insertRun, insertSession } from '../../auth/insert-session.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { createWorld, type TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace
let spaceId: string
let agentId: string

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  spaceId = await make.space({ name: 'space' })
  agentId = await make.agent({ name: 'agent', spaceIds: [spaceId] })
})

const create = async (input: object = {}): Promise<any> => {
  const shown = 'session { id status reference agentVersion terminatedAt agent { id } }'
  const payload = await done(world, workspace.secret, 'createSession', shown, { agentId, ...input })
  return payload.session
}
const creating = (input: object, secret = workspace.secret) =>
  outcome(world, secret, 'createSession', { agentId, ...input })
const terminate = (id: string) => outcome(world, workspace.secret, 'terminateSession', { id })

test('a session begins with the agent as it is, and keeps its version', async () => {
  const session = await create({ reference: ' order 7 ' })
  expect(session).toEqual({
    id: expect.stringMatching(/^ses_/),
    status: 'ACTIVE',
    reference: 'order 7',
    agentVersion: 1,
    terminatedAt: null,
    agent: { id: agentId },
  })
  await done(world, workspace.secret, 'updateAgent', 'agent { version }', {
    id: agentId,
    name: 'renamed',
  })
  expect(await create()).toMatchObject({ agentVersion: 2, reference: null })
  const { data } = await world.gql(
    workspace.secret,
    `{ session(id: "${session.id}") { agentVersion agent { version } createdById createdBy { id } } }`,
  )
  expect(data.session).toEqual({
    agentVersion: 1,
    agent: { version: 2 },
    createdById: workspace.ownerId,
    createdBy: { id: workspace.ownerId },
  })
})

test('a reference is unique among the active sessions of an agent, and free once one is terminated', async () => {
  const { id } = await create({ reference: 'order 7' })
  expect(await creating({ reference: 'order 7' })).toEqual(['NAME_TAKEN input.reference'])
  expect(await creating({ reference: 'Order 7' })).toEqual(['done'])
  const make = seed(world, workspace.secret)
  const other = await make.agent({ name: 'other', spaceIds: [spaceId] })
  expect(await creating({ agentId: other, reference: 'order 7' })).toEqual(['done'])
  expect(await terminate(id)).toEqual(['done'])
  const four = Array.from({ length: 4 }, () => creating({ reference: 'order 7' }))
  const told = (await Promise.all(four)).flat().sort()
  const taken = 'NAME_TAKEN input.reference'
  expect(told).toEqual([taken, taken, taken, 'done'])
})

// A member must not learn what others call their sessions.
test('a reference that is taken where the caller does not see it is not told to be taken', async () => {
  await create({ reference: 'hers' })
  const human = await addHuman(world, workspace, 'MEMBER')
  const inSpace = { spaceId, memberId: human.memberId }
  await done(world, workspace.secret, 'addSpaceMember', 'space { id }', inSpace)
  const { secret } = await humanKey(world, workspace, human, {
    permissions: ['*'],
    allSpaces: true,
  })
  expect(await creating({ reference: 'hers' }, secret)).toEqual(['INVALID input.reference'])
  expect(await creating({ reference: 'his' }, secret)).toEqual(['done'])
})

test.each(['', '  ', '\u0007', 'x'.repeat(101), '\u200b'])(
  'the reference %j is refused',
  async (reference) => {
    expect(await creating({ reference })).toEqual(['INVALID input.reference'])
  },
)

test('a list of sessions is narrowed by agent, status, reference, whose and when', async () => {
  const make = seed(world, workspace.secret)
  const other = await make.agent({ name: 'other', spaceIds: [spaceId] })
  const first = await create({ reference: 'one' })
  const second = await create({ agentId: other, reference: 'one' })
  const machine = await make.machine({ name: 'm', role: 'BUILDER', spaceIds: [spaceId] })
  const key = await make.key({
    name: 'k',
    ownerId: machine.userId,
    permissions: ['agents:*', 'sessions:*'],
    spaces: [{ spaceId }],
  })
  const selection = 'session { id createdAt }'
  const third = await done(world, key.secret, 'createSession', selection, { agentId })
  await terminate(second.id)
  const listed = async (filter: object, secret = workspace.secret): Promise<string[]> => {
    const query = `query ($filter: SessionFilter) { sessions(filter: $filter) { nodes { id } } }`
    const { data, errors } = await world.gql(secret, query, { filter })
    expect(errors).toEqual([])
    return data.sessions.nodes.map((session: { id: string }) => session.id)
  }
  const [a, b, c] = [first.id, second.id, third.session.id]
  expect(await listed({})).toEqual([c, b, a])
  expect(await listed({ agentId })).toEqual([c, a])
  expect(await listed({ status: 'ACTIVE' })).toEqual([c, a])
  expect(await listed({ status: 'TERMINATED' })).toEqual([b])
  expect(await listed({ reference: 'one' })).toEqual([b, a])
  expect(await listed({ reference: 'One' })).toEqual([])
  expect(await listed({ mine: true })).toEqual([b, a])
  expect(await listed({ mine: true }, key.secret)).toEqual([c])
  expect(await listed({ mine: false })).toEqual([c, b, a])
  const { createdAt } = third.session
  expect(await listed({ createdBefore: createdAt })).not.toContain(c)
  expect(await listed({ createdAfter: '2020-01-01T00:00:00Z', status: 'ACTIVE' })).toEqual([c, a])
  expect(await listed({ createdAfter: '2100-01-01T00:00:00Z' })).toEqual([])
})

// What was said stays to be read; the agent is gone, and nothing more is said.
test('the sessions of a deleted agent are there still, and take no runs', async () => {
  const { id } = await create()
  await done(world, workspace.secret, 'deleteAgent', 'deletedId', { id: agentId })
  const { data } = await world.gql(workspace.secret, `{ session(id: "${id}") { id agent { id } } }`)
  expect(data.session).toEqual({ id, agent: null })
  expect(await creating({})).toEqual(['NOT_FOUND input.agentId'])
  const run = { sessionId: id, input: 'Hello' }
  expect(await outcome(world, workspace.secret, 'runAgent', run)).toEqual([
    'NOT_FOUND input.sessionId',
  ])
  expect(await terminate(id)).toEqual(['done'])
})

// Told only to who may run the agent.
test('without an endpoint or a model a run says which setting is missing, and nothing is stored', async () => {
  const message = async (secret: string): Promise<unknown> => {
    const query = `mutation { runAgent(input: { agentId: "${agentId}", input: "Hello" }) {
      run { id } errors { code message path } } }`
    const { data, errors } = await world.gql(secret, query)
    return data.runAgent ?? errors[0]?.extensions.missingPermissions
  }
  // Nor does it matter how many are in progress.
  const sessionId = await insertSession(world, workspace, agentId)
  for (let i = 0; i < 20; i++) await insertRun(world, workspace, sessionId)
  const leaseExpiresAt = new Date(Date.now() + 60_000)
  await world.deps.prisma.run.updateMany({
    where: { sessionId },
    data: { status: 'RUNNING', leaseExpiresAt },
  })
  const before = await world.deps.prisma.session.count()
  expect(await message(workspace.secret)).toEqual({
    run: null,
    errors: [
      {
        code: 'WRONG_STATE',
        message: 'Agents do not run here: AGENT_RUNTIME_URL is not set.',
        path: null,
      },
    ],
  })
  const make = seed(world, workspace.secret)
  const reader = await make.key({ name: 'r', permissions: ['agents:read'], spaces: [{ spaceId }] })
  expect(await message(reader.secret)).toEqual(['agents:run'])
  expect(await world.deps.prisma.session.count()).toBe(before)

  const withoutModel = await createWorld({ runtime: { url: 'http://127.0.0.1:9/v1' } })
  try {
    const { secret } = await withoutModel.createWorkspace()
    const there = seed(withoutModel, secret)
    const space = await there.space({ name: 'space' })
    const agent = await there.agent({ name: 'agent', spaceIds: [space] })
    const input = { agentId: agent, input: 'Hello' }
    const query = `mutation ($input: RunAgentInput!) { runAgent(input: $input) { errors { message } } }`
    const { data } = await withoutModel.gql(secret, query, { input })
    expect(data.runAgent.errors).toEqual([
      { message: 'Agents do not run here: AGENT_RUNTIME_MODEL is not set.' },
    ])
  } finally {
    await withoutModel.close()
  }
})
