import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateKeyDocument } from '../generated/operations.ts'
import { processorTime } from '../setup/processor-time.ts'
import { done, seed } from '../setup/seed.ts'
import { type Statements, watchStatements, writesUsage } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { type Input, problemsOf, refusal, storesNothing } from './nothing-stored.ts'

let world: World
let statements: Statements
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let home: string
let foreign: {
  space: string
  scope: string
  agent: string
  member: string
  user: string
  key: string
}
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)
const problems = (mutation: string, input: Input) =>
  problemsOf(world, workspace.secret, mutation, input)

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  home = await make.space({ name: 'Home' })
  const other = await world.createWorkspace()
  const there = seed(world, other.secret)
  const space = await there.space({ name: 'Elsewhere' })
  foreign = {
    space,
    scope: await there.scope({ name: 'Elsewhere' }),
    agent: await there.agent({ name: 'Elsewhere', spaceIds: [space] }),
    member: other.ownerMemberId,
    user: other.ownerId,
    key: other.keyId,
  }
})
afterAll(async () => {
  await world.close()
  statements.stop()
})

/** Ids that name nothing here, whatever they look like; the kind of thing decides which are real. */
const nothing = (kind: string): readonly string[] => [
  '',
  'x',
  `${kind}_00000000000000000000000000`,
  `${home} `,
  `${home}\u0000`,
  '\ud800',
  workspace.id,
  "' OR TRUE --",
  'x'.repeat(10_000),
]

// A foreign id, one that never was and one of another kind must be one and the same to the caller.
test('an id that is not within reach is not found, wherever one goes in', async () => {
  const scope = await make.scope({ name: 'mine' })
  const agent = await make.agent({ name: 'mine', spaceIds: [home] })
  const key = await make.key({ name: 'mine' })
  const places: readonly (readonly [string, string, string, (id: string) => Input])[] = [
    [
      'createApiKey',
      'spaces.1.spaceId',
      'spc',
      (id) => ({ name: 'x', spaces: [{ spaceId: home }, { spaceId: id }] }),
    ],
    [
      'updateApiKey',
      'spaces.0.spaceId',
      'spc',
      (id) => ({ id: key.id, spaces: [{ spaceId: id }] }),
    ],
    ['createApiKey', 'scopeIds.1', 'scp', (id) => ({ name: 'x', scopeIds: [scope, id] })],
    ['updateApiKey', 'scopeIds.0', 'scp', (id) => ({ id: key.id, scopeIds: [id] })],
    ['createApiKey', 'ownerId', 'usr', (ownerId) => ({ name: 'x', ownerId })],
    ['transferApiKey', 'ownerId', 'usr', (ownerId) => ({ id: key.id, ownerId })],
    ['createAgent', 'spaceIds.1', 'spc', (id) => ({ name: 'x', spaceIds: [home, id] })],
    ['updateAgent', 'spaceIds.0', 'spc', (id) => ({ id: agent, spaceIds: [id] })],
    [
      'createMachineUser',
      'spaceIds.0',
      'spc',
      (id) => ({ name: 'x', role: 'MEMBER', spaceIds: [id] }),
    ],
    [
      'addSpaceMember',
      'spaceId',
      'spc',
      (spaceId) => ({ spaceId, memberId: workspace.ownerMemberId }),
    ],
    ['addSpaceMember', 'memberId', 'mem', (memberId) => ({ spaceId: home, memberId })],
    ['removeSpaceMember', 'memberId', 'mem', (memberId) => ({ spaceId: home, memberId })],
    ...(['updateSpace', 'deleteSpace'] as const).map(
      (mutation) => [mutation, 'id', 'spc', (id: string) => ({ id })] as const,
    ),
    ...(['updateScope', 'deleteScope'] as const).map(
      (mutation) => [mutation, 'id', 'scp', (id: string) => ({ id })] as const,
    ),
    ...(['updateAgent', 'deleteAgent'] as const).map(
      (mutation) => [mutation, 'id', 'agt', (id: string) => ({ id })] as const,
    ),
    ...(['updateMember', 'removeMember'] as const).map(
      (mutation) => [mutation, 'id', 'mem', (id: string) => ({ id })] as const,
    ),
    ...(
      ['updateApiKey', 'rotateApiKey', 'revokeApiKey', 'disableApiKey', 'enableApiKey'] as const
    ).map((mutation) => [mutation, 'id', 'key', (id: string) => ({ id })] as const),
  ]
  const others = Object.values(foreign)
  for (const [mutation, place, kind, input] of places) {
    await storesNothing(world, async () => {
      for (const id of [...nothing(kind), ...others])
        expect(await problems(mutation, input(id)), `${mutation} ${JSON.stringify(id)}`).toEqual([
          `NOT_FOUND input.${place}`,
        ])
    })
  }
})

test('an id of nothing reads as null, and a list narrowed by one is empty', async () => {
  const fields = [
    ['space', 'spc'],
    ['agent', 'agt'],
    ['apiKey', 'key'],
    ['scope', 'scp'],
    ['member', 'mem'],
  ] as const
  for (const [field, kind] of fields)
    for (const id of [...nothing(kind), ...Object.values(foreign)]) {
      const query = `query ($id: ID!) { it: ${field}(id: $id) { __typename } }`
      const { data, errors } = await world.gql(workspace.secret, query, { id })
      expect([data, errors], `${field} ${id}`).toEqual([{ it: null }, []])
    }
  const filters = [
    ['agents', 'spaceId'],
    ['members', 'spaceId'],
    ['apiKeys', 'spaceId'],
    ['apiKeys', 'scopeId'],
    ['apiKeys', 'ownerId'],
    ['apiKeys', 'createdById'],
    ['apiKeys', 'createdByKeyId'],
  ] as const
  for (const [list, field] of filters)
    for (const id of [...nothing('spc'), ...Object.values(foreign)]) {
      const query = `query ($id: ID) { it: ${list}(filter: { ${field}: $id }) { nodes { id } } }`
      const { data, errors } = await world.gql(workspace.secret, query, { id })
      expect([data, errors], `${list} ${field} ${id}`).toEqual([{ it: { nodes: [] } }, []])
    }
})

test('a repeated id is a mistake to show, not to repair', async () => {
  const scope = await make.scope({ name: 'twice' })
  const twice = { spaceId: home }
  expect(await refused('createApiKey', { name: 'x', spaces: [twice, twice] })).toEqual([
    'INVALID input.spaces.1.spaceId',
  ])
  expect(await refused('createApiKey', { name: 'x', scopeIds: [scope, scope] })).toEqual([
    'INVALID input.scopeIds.1',
  ])
  expect(await refused('createAgent', { name: 'x', spaceIds: [home, home] })).toEqual([
    'INVALID input.spaceIds.1',
  ])
  const machine = { name: 'x', role: 'MEMBER', spaceIds: [home, home] }
  expect(await refused('createMachineUser', machine)).toEqual(['INVALID input.spaceIds.1'])
})

test('a deleted space and scope are as if they had never been', async () => {
  const spaceId = await make.space({ name: 'gone' })
  const scopeId = await make.scope({ name: 'gone' })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaceId })
  await done(world, workspace.secret, 'deleteScope', 'deletedId', { id: scopeId })
  expect(
    await refused('createApiKey', { name: 'x', spaces: [{ spaceId }], scopeIds: [scopeId] }),
  ).toEqual(['NOT_FOUND input.scopeIds.0', 'NOT_FOUND input.spaces.0.spaceId'])
  expect(await refused('createAgent', { name: 'x', spaceIds: [spaceId] })).toEqual([
    'NOT_FOUND input.spaceIds.0',
  ])
})

test('all spaces and a list of them are two answers to one question', async () => {
  const both = { allSpaces: true, spaces: [{ spaceId: home }] }
  const key = await make.key({ name: 'both' })
  expect(await refused('createApiKey', { name: 'x', ...both })).toEqual(['INVALID input.spaces'])
  expect(await refused('updateApiKey', { id: key.id, ...both })).toEqual(['INVALID input.spaces'])
})

test('an agent lives somewhere', async () => {
  const id = await make.agent({ name: 'somewhere', spaceIds: [home] })
  expect(await refused('createAgent', { name: 'x', spaceIds: [] })).toEqual([
    'INVALID input.spaceIds',
  ])
  expect(await refused('updateAgent', { id, spaceIds: [] })).toEqual(['INVALID input.spaceIds'])
})

test('1,000 grants and 50 scopes are fine, and quick; one more is not', async () => {
  const at = new Date()
  const ids = Array.from({ length: 1_001 }, (_, index) => `spc_${String(index).padStart(26, '0')}`)
  await world.deps.prisma.space.createMany({
    data: ids.map((id) => ({
      workspaceId: workspace.id,
      id,
      name: id,
      nameKey: id,
      visibility: 'RESTRICTED' as const,
      createdAt: at,
      updatedAt: at,
    })),
  })
  const spaces = ids.map((spaceId) => ({ spaceId, permissions: ['agents:read'] }))
  const base = { name: 'too many', permissions: ['agents:read'] }
  expect(await refused('createApiKey', { ...base, spaces })).toEqual(['INVALID input.spaces'])
  const tooMany = { name: 'x', spaceIds: ids }
  expect(await refused('createAgent', tooMany)).toEqual(['INVALID input.spaceIds'])
  expect(await refused('createMachineUser', { ...tooMany, role: 'MEMBER' })).toEqual([
    'INVALID input.spaceIds',
  ])
  /** How many statements it takes to make a key with so many grants, and to ask with it. */
  const statementsFor = async (count: number): Promise<number> => {
    const before = statements.sent.length
    const { data } = await world.run(workspace.secret, CreateKeyDocument, {
      input: { ...base, name: `${count} grants`, spaces: spaces.slice(-count) },
    })
    expect(data?.createApiKey?.errors).toEqual([])
    expect(data?.createApiKey?.apiKey?.spaces).toHaveLength(count)
    const key = data?.createApiKey?.secret ?? ''
    const seen = await world.gql(key, '{ viewer { spaces { spaceId permissions } } }')
    expect(seen.data.viewer.spaces).toHaveLength(count)
    return statements.sent.slice(before).filter((text) => !writesUsage(text)).length
  }
  // Whatever a first one sets up is not counted.
  await statementsFor(9)
  const few = await statementsFor(10)
  const { value: many, ms } = await processorTime(() => statementsFor(1_000))
  expect(many).toBe(few)
  expect(ms).toBeLessThan(3_000)

  const scopeIds: string[] = []
  for (let index = 0; index < 51; index++)
    scopeIds.push(await make.scope({ name: `scope ${index}`, permissions: ['agents:read'] }))
  expect(await refused('createApiKey', { name: 'x', scopeIds })).toEqual(['INVALID input.scopeIds'])
  await make.key({ name: 'fifty', scopeIds: scopeIds.slice(1), spaces: [] })
})
