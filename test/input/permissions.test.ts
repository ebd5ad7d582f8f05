import { beforeAll, expect, test } from 'vitest'
import { done } from '../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Input, problemsOf, refusal, storesNothing } from './nothing-stored.ts'

let spaceId: string
let scopeId: string
let keyId: string
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)
const problems = (mutation: string, input: Input) =>
  problemsOf(world, workspace.secret, mutation, input)

useWorkspace()
beforeAll(async () => {
  spaceId = await make.space({ name: 'Home' })
  scopeId = await make.scope({ name: 'base', permissions: ['agents:read'] })
  keyId = (await make.key({ name: 'base' })).id
})

/** The mutations that take a list of permissions, with the rest of what they need. */
const takers = (): readonly (readonly [string, Input])[] => [
  ['createScope', { name: 'x' }],
  ['updateScope', { id: scopeId }],
  ['createApiKey', { name: 'x' }],
  ['updateApiKey', { id: keyId }],
]

test('what is no permission is refused with its place in the list', async () => {
  const bad = [
    '',
    ' agents:read',
    'AGENTS:READ',
    'agents',
    'agents:',
    'agents:fly',
    '*:*',
    '**',
    '*:update',
    'toString',
    '__proto__',
    'constructor',
    'a\u0000',
    '\ud800',
    'x'.repeat(10_000),
  ]
  for (const [mutation, rest] of takers())
    await storesNothing(world, async () => {
      for (const name of bad) {
        const permissions = ['agents:read', name]
        expect(await problems(mutation, { ...rest, permissions }), `${mutation} ${name}`).toEqual([
          'UNKNOWN_PERMISSION input.permissions.1',
        ])
      }
    })
  const answer = await world.gql(
    workspace.secret,
    '{ a: apiKeys(filter: { permission: "agents:fly" }) { nodes { id } } b: scopes(filter: { permission: "" }) { nodes { id } } }',
  )
  expect(answer.errors.map(({ extensions }) => [extensions.code, extensions.path])).toEqual([
    ['BAD_USER_INPUT', ['filter', 'permission']],
    ['BAD_USER_INPUT', ['filter', 'permission']],
  ])
})

// A megabyte of wrong names must not be answered with forty.
test('a list far longer than there are permissions is refused as a whole', async () => {
  const permissions = Array.from({ length: 20_000 }, () => 'x')
  for (const [mutation, rest] of takers())
    expect(await refused(mutation, { ...rest, permissions })).toEqual(['INVALID input.permissions'])
  const spaces = [{ spaceId, permissions }]
  expect(await refused('createApiKey', { name: 'x', spaces })).toEqual([
    'INVALID input.spaces.0.permissions',
  ])
})

test('of very many mistakes the first hundred are told', async () => {
  const permissions = Array.from({ length: 100 }, () => 'x')
  const spaces = Array.from({ length: 1_000 }, () => ({ spaceId: 'x', permissions }))
  const told = await refused('createApiKey', { name: '', spaces })
  expect(told).toHaveLength(100)
  expect(told[0]).toBe('INVALID input.name')
})

test('a permission is not given without what it requires', async () => {
  const missing = ['PERMISSION_DEPENDENCY_MISSING input.permissions']
  for (const [mutation, rest] of takers())
    for (const permissions of [
      ['agents:update'],
      ['documents:read'],
      ['keys:create'],
      ['agents:read', 'sessions:create'],
    ])
      expect(await refused(mutation, { ...rest, permissions }), mutation).toEqual(missing)
  expect(await refused('createScope', { name: 'x', permissions: ['documents:*'] })).toEqual(missing)
  // The key is looked at as a whole: what a scope brings counts.
  await make.key({ name: 'whole', permissions: ['agents:update'], scopeIds: [scopeId], spaces: [] })
  const linked = await make.key({
    name: 'linked',
    permissions: ['agents:run'],
    scopeIds: [scopeId],
    spaces: [],
  })
  expect(await refused('updateApiKey', { id: linked.id, scopeIds: [] })).toEqual(missing)
  expect(await refused('updateScope', { id: scopeId, permissions: ['workspace:read'] })).toEqual([
    'IN_USE input.permissions',
  ])
})

test('a grant only narrows, and is closed in itself', async () => {
  const grant = (...permissions: readonly string[]): Input => ({
    name: 'x',
    permissions: ['agents:read', 'agents:update', 'workspace:read'],
    spaces: [{ spaceId, permissions }],
  })
  const place = 'input.spaces.0.permissions'
  expect(await refused('createApiKey', grant('workspace:read'))).toEqual([`INVALID ${place}.0`])
  expect(await refused('createApiKey', grant('agents:read', 'agents:run'))).toEqual([
    `INVALID ${place}.1`,
  ])
  expect(await refused('createApiKey', grant('agents:read', 'agents:*'))).toEqual([
    `INVALID ${place}.1`,
  ])
  expect(await refused('createApiKey', grant('agents:read', '*'))).toEqual([`INVALID ${place}.1`])
  expect(await refused('createApiKey', grant('agents:fly'))).toEqual([
    `UNKNOWN_PERMISSION ${place}.0`,
  ])
  expect(await refused('createApiKey', grant('agents:update'))).toEqual([
    `PERMISSION_DEPENDENCY_MISSING ${place}`,
  ])
})

test('an access level is no mix, and stands beside no alias that covers agents', async () => {
  const level = ['INVALID input.agentAccess']
  expect(await refused('createScope', { name: 'x', agentAccess: 'CUSTOM' })).toEqual(level)
  expect(await refused('updateScope', { id: scopeId, agentAccess: 'CUSTOM' })).toEqual(level)
  for (const permissions of [['agents:*'], ['*'], ['*:read']])
    for (const agentAccess of ['NONE', 'VIEW', 'FULL'])
      expect(await refused('createScope', { name: 'x', permissions, agentAccess })).toEqual(level)
  const aliased = await make.scope({ name: 'aliased', permissions: ['agents:*'] })
  expect(await refused('updateScope', { id: aliased, agentAccess: 'VIEW' })).toEqual(level)
  expect(await refused('createScope', { name: 'x', agentAccess: 'view' })).toEqual([
    'BAD_USER_INPUT',
  ])
  const { scope } = await done(
    world,
    workspace.secret,
    'createScope',
    'scope { permissions agentAccess }',
    { name: 'levelled', permissions: ['agents:run'], agentAccess: 'EDIT' },
  )
  expect(scope).toEqual({
    permissions: ['agents:run', 'agents:read', 'agents:update'],
    agentAccess: 'EDIT',
  })
  // NONE takes away what running an agent requires.
  const runner = await make.scope({ name: 'runner', permissions: ['agents:read', 'agents:run'] })
  expect(await refused('updateScope', { id: runner, agentAccess: 'NONE' })).toEqual([
    'PERMISSION_DEPENDENCY_MISSING input.permissions',
  ])
})
