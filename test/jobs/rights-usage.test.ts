import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { createUsageRecorder } from '../../src/jobs/usage.ts'
import { mint } from '../modules/access-token/ask.ts'
import { gate, verify } from '../modules/credential/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { usedRightsOf } from './used-rights.ts'

let world: World
let workspace: TestWorkspace
/** Names and ids of what operations are about. */
const at: Record<string, string> = {}

const own = (permissions: string[]) => ({
  permissions,
  spaces: ['A', 'B', 'C'].map((name) => ({ spaceId: at[name] })),
})
const allOf = [
  'agents:*',
  'sessions:*',
  'spaces:read',
  'spaces:update',
  'scopes:read',
  'keys:*',
  'members:read',
]

let count = 0
const makeKey = (input: object = own(allOf)) => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
}

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  for (const name of ['A', 'B', 'C']) at[name] = await make.space({ name })
  at.inA = await make.agent({ name: 'in A', spaceIds: [at.A] })
  at.inBoth = await make.agent({ name: 'in both', spaceIds: [at.A, at.B] })
  at.scope = await make.scope({ name: 'scope', permissions: ['agents:read'] })
  const { data } = await world.gql(
    workspace.secret,
    'mutation ($agentId: ID!) { createSession(input: { agentId: $agentId }) { session { id } } }',
    { agentId: at.inBoth },
  )
  at.session = data.createSession.session.id
  at.machine = (await make.machine({ name: 'robot', role: 'MEMBER' })).userId
})
afterAll(() => world.close())

const reading = ['agents:read']
test.each<[string, string, string[], string[]]>([
  ['a list', '{ agents { nodes { name } } }', reading, ['A', 'B']],
  ['a list by edges', '{ agents { edges { node { name } } } }', reading, ['A', 'B']],
  ['an empty list', '{ agents(filter: { search: "none" }) { nodes { id } } }', reading, []],
  ['one agent', '{ agent(id: "$inA") { name } }', reading, ['A']],
  ['a node', '{ node(id: "$inBoth") { id } }', reading, ['A', 'B']],
  ['what is not there', '{ agent(id: "$A") { name } }', reading, []],
  ['a space', '{ space(id: "$C") { name } }', ['spaces:read'], ['C']],
  ['a session', '{ session(id: "$session") { id } }', ['sessions:read'], ['A', 'B']],
  [
    'a nested guard',
    '{ viewer { spaces { space { agents { nodes { id } } } } } }',
    ['agents:read', 'spaces:read'],
    ['A', 'B', 'C'],
  ],
  [
    'a nested guard that was not reached',
    '{ agent(id: "$A") { sessions { nodes { id } } } }',
    reading,
    [],
  ],
  [
    'a filter',
    '{ apiKeys(filter: { scopeId: "$scope" }) { nodes { id } } }',
    ['keys:read', 'scopes:read'],
    [],
  ],
  ['a public field', '{ viewer { permissions apiKey { id } } permissions { name } }', [], []],
  ['a refused field', '{ documents: document(id: "x") { id } workspace { name } }', [], []],
  [
    'a refused field of several permissions',
    'mutation { createSpace(input: { name: "x" }) { space { id } } }',
    [],
    [],
  ],
  [
    'a mutation',
    'mutation { updateAgent(input: { id: "$inBoth", name: "other" }) { errors { code } } }',
    ['agents:read', 'agents:update'],
    ['A', 'B'],
  ],
  [
    'a creation',
    'mutation { createAgent(input: { name: "new", spaceIds: ["$C"] }) { errors { code } } }',
    ['agents:create'],
    ['C'],
  ],
  [
    'a mutation of a space',
    'mutation { updateSpace(input: { id: "$B", description: "new" }) { errors { code } } }',
    ['spaces:read', 'spaces:update'],
    ['B'],
  ],
  [
    'a mutation of a session',
    'mutation { terminateSession(input: { id: "$session" }) { errors { code } } }',
    ['sessions:terminate'],
    ['A', 'B'],
  ],
  [
    'the members of a space',
    '{ members(filter: { spaceId: "$C" }) { nodes { id } } }',
    ['members:read', 'spaces:read'],
    ['C'],
  ],
  [
    'an explanation about an agent',
    '{ explainAccess(input: { agentId: "$inA", spaceIds: ["$C"], permissions: [] }) { code } }',
    reading,
    ['A', 'C'],
  ],
  [
    'what a key is given must be held',
    'mutation { createApiKey(input: { name: "x", permissions: ["agents:run", "agents:read"], ownerId: "$machine", spaces: [{ spaceId: "$B" }] }) { errors { code } } }',
    ['agents:read', 'agents:run', 'keys:create', 'keys:read', 'members:read'],
    ['B'],
  ],
  [
    'what a token is narrowed to',
    'mutation { createAccessToken(input: { permissions: ["agents:read"], spaceIds: ["$C"] }) { errors { code } } }',
    reading,
    ['C'],
  ],
])('%s: what is asked for and held is used', async (_name, operation, permissions, spaces) => {
  const key = await makeKey()
  const query = operation.replace(/\$(\w+)/g, (_, name) => at[name] ?? '')
  const { status } = await world.gql(key.secret, query)
  expect(status).toBe(200)
  expect(await usedRightsOf(world, key.id)).toEqual({
    permissions,
    spaceIds: spaces.map((name) => at[name]).sort(),
  })
})

test('a key that rotates or revokes itself uses keys:rotate, or nothing', async () => {
  const rotating = await makeKey({ permissions: ['keys:rotate'] })
  const mutation = (name: string, id: string) =>
    `mutation { ${name}(input: { id: "${id}" }) { errors { code } } }`
  await world.gql(rotating.secret, mutation('rotateApiKey', rotating.id))
  expect(await usedRightsOf(world, rotating.id)).toMatchObject({ permissions: ['keys:rotate'] })
  const revoked = await makeKey()
  await world.gql(revoked.secret, mutation('revokeApiKey', revoked.id))
  expect(await usedRightsOf(world, revoked.id)).toMatchObject({ permissions: [] })
})

test('a verification uses what it asks of the key where it is good for it, and keys:verify of the gateway', async () => {
  const gateway = await makeKey({ permissions: ['keys:verify', 'keys:read'] })
  const key = await makeKey()
  const ask = { secret: key.secret, permissions: ['agents:run'], spaceIds: [at.B ?? ''] }
  await gate(world, gateway.secret, { ...ask, permissions: ['agents:run', 'documents:read'] })
  await gate(world, gateway.secret, { ...ask, spaceIds: [newId('spc')] })
  expect(await usedRightsOf(world, key.id)).toEqual({ permissions: [], spaceIds: [] })
  await gate(world, gateway.secret, ask)
  expect(await usedRightsOf(world, key.id)).toEqual({
    permissions: ['agents:run'],
    spaceIds: [at.B],
  })
  expect(await usedRightsOf(world, gateway.id)).toEqual({
    permissions: ['keys:verify'],
    spaceIds: [],
  })
  const { token } = await mint(world, key.secret)
  await verify(world, workspace.secret, { secret: token, permissions: ['scopes:read'] })
  await world.gql(token, '{ space(id: "x") { id } }')
  expect(await usedRightsOf(world, key.id)).toEqual({
    permissions: ['agents:run', 'scopes:read', 'spaces:read'],
    spaceIds: [at.B],
  })
})

test('of a space that is not there nothing is stored', async () => {
  const key = await makeKey({
    permissions: ['keys:*', 'members:read', 'spaces:read'],
    allSpaces: true,
  })
  const spaceId = newId('spc')
  const operations = [
    `mutation { revokeApiKeys(input: { filter: { spaceId: "${spaceId}" } }) { errors { code } } }`,
    `{ members(filter: { spaceId: "${spaceId}" }) { nodes { id } } }`,
  ]
  for (const operation of operations)
    expect((await world.gql(key.secret, operation)).errors).toEqual([])
  expect(await usedRightsOf(world, key.id)).toMatchObject({ spaceIds: [] })
})

// The same list is read all day: what is known already is not written again.
test('what was written on a day is written no more', async () => {
  const key = await makeKey()
  await world.gql(key.secret, '{ agents { nodes { id } } }')
  const first = await usedRightsOf(world, key.id)
  const where = { keyId: key.id }
  const day = new Date('2020-01-01')
  await world.deps.prisma.apiKeyPermissionUsage.updateMany({ where, data: { lastUsedOn: day } })
  await world.gql(key.secret, '{ agents { nodes { id } } }')
  expect(await usedRightsOf(world, key.id)).toEqual(first)
  const rows = await world.deps.prisma.apiKeyPermissionUsage.findMany({ where })
  expect(rows.map(({ lastUsedOn }) => lastUsedOn)).toEqual([day])
})

const recorder = () => createUsageRecorder(world.deps.prisma, pino({ enabled: false }))
const holder = (id: string) => ({ workspaceId: workspace.id, key: { id } })

test('replicas that write the same at once wait for each other in no circle, and lose nothing', async () => {
  const keys = Array.from({ length: 40 }, () => newId('key'))
  const spaces = [at.A ?? '', at.B ?? '', at.C ?? '']
  const replicas = Array.from({ length: 4 }, recorder)
  for (let round = 0; round < 3; round++)
    await Promise.all(
      replicas.map((usage, index) => {
        const names = index % 2 === 0 ? keys : keys.toReversed()
        for (const id of names) {
          usage.usedRights(holder(id), ['agents:read', 'spaces:read'], spaces)
          usage.usedRights(holder(id), round === 0 ? [] : ['agents:run'], [at.inBoth ?? ''])
        }
        return usage.flush()
      }),
    )
  await Promise.all(replicas.map((usage) => usage.close()))
  for (const id of keys)
    expect(await usedRightsOf(world, id)).toEqual({
      permissions: ['agents:read', 'agents:run', 'spaces:read'],
      spaceIds: spaces.toSorted(),
    })
})

test('what could not be written is written as the server closes, more than one batch of it', async () => {
  const { prisma } = world.deps
  const ids = Array.from({ length: 1_500 }, () => newId('key'))
  const usage = recorder()
  await prisma.$executeRawUnsafe('ALTER TABLE "ApiKeySpaceUsage" RENAME TO "Away"')
  try {
    for (const id of ids) usage.usedRights(holder(id), ['agents:read'], [at.inBoth ?? ''])
    await usage.flush()
  } finally {
    await prisma.$executeRawUnsafe('ALTER TABLE "Away" RENAME TO "ApiKeySpaceUsage"')
  }
  await usage.close()
  const where = { keyId: { in: ids } }
  expect(await prisma.apiKeyPermissionUsage.count({ where })).toBe(ids.length)
  expect(await prisma.apiKeySpaceUsage.count({ where })).toBe(2 * ids.length)
})

test('of what was used last more than 90 days ago nothing is kept, however much it is', async () => {
  const { prisma } = world.deps
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000)
  const key = { workspaceId: workspace.id, keyId: newId('key') }
  await prisma.apiKeySpaceUsage.createMany({
    data: Array.from({ length: 2_500 }, (_, index) => ({
      ...key,
      spaceId: `spc_${index}`,
      lastUsedOn: ago(92),
    })),
  })
  await prisma.apiKeyPermissionUsage.createMany({
    data: [
      { ...key, permission: 'agents:read', lastUsedOn: ago(89) },
      { ...key, permission: 'agents:run', lastUsedOn: ago(92) },
    ],
  })
  const usage = recorder()
  await usage.flush()
  await usage.close()
  expect(await usedRightsOf(world, key.keyId)).toEqual({
    permissions: ['agents:read'],
    spaceIds: [],
  })
})
