import { beforeAll, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { importKeys, legacyKey } from '../legacy/ask.ts'

let spaceId: string
let inSpaces: string
let mixed: string
let empty: string

useWorkspace()
beforeAll(async () => {
  const { space, scope } = seed(world, workspace.secret)
  spaceId = await space({ name: 'A' })
  inSpaces = await scope({ name: 'in spaces', permissions: ['agents:*'] })
  mixed = await scope({ name: 'mixed', permissions: ['agents:read', 'members:read'] })
  empty = await scope({ name: 'empty', permissions: [] })
})

let count = 0
const name = (): string => `Key ${++count}`
const create = (input: object) =>
  outcome(world, workspace.secret, 'createApiKey', { name: name(), ...input })
const refused = ['INVALID input.spaces']
const agents = ['agents:read']

test('createApiKey: permissions in spaces without a word of spaces are refused, and nothing is made', async () => {
  const keys = () => world.deps.prisma.apiKey.count({ where: { workspaceId: workspace.id } })
  const before = await keys()
  for (const input of [
    { permissions: agents },
    { permissions: ['agents:*', 'sessions:*'] },
    { permissions: agents, spaces: null, allSpaces: null },
    { permissions: agents, allSpaces: false },
    { permissions: agents, scopeIds: [inSpaces, empty] },
    { scopeIds: [inSpaces] },
    { permissions: [], scopeIds: [empty, inSpaces] },
  ])
    expect([input, await create(input)]).toEqual([input, refused])
  expect(await keys()).toBe(before)
})

test('createApiKey: spaces, or whatever has effect without them, are enough', async () => {
  for (const input of [
    {},
    { permissions: [] },
    { scopeIds: [empty] },
    { scopeIds: [inSpaces], spaces: [] },
    { scopeIds: [mixed] },
    { permissions: agents, spaces: [{ spaceId }] },
    { permissions: agents, allSpaces: true },
    { scopeIds: [inSpaces], spaces: [{ spaceId }] },
    { permissions: [...agents, 'members:read'] },
    { permissions: ['*:read'] },
    { permissions: agents, scopeIds: [mixed] },
  ])
    expect([input, await create(input)]).toEqual([input, ['done']])
})

test('createApiKey: a key that is to have no space yet is made by saying so', async () => {
  const { id } = await seed(world, workspace.secret).key({
    name: name(),
    permissions: agents,
    spaces: [],
  })
  const later = { id, spaces: [{ spaceId }] }
  expect(await outcome(world, workspace.secret, 'updateApiKey', later)).toEqual(['done'])
})

test('createApiKey: the caller hears as well that they could not grant it', async () => {
  const { secret } = await seed(world, workspace.secret).key({
    name: name(),
    permissions: ['keys:read', 'keys:create'],
  })
  const input = { name: name(), permissions: agents }
  expect(await outcome(world, secret, 'createApiKey', input)).toEqual([
    ...refused,
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
})

test('updateApiKey, importLegacyKeys: spaces may come in a step of their own', async () => {
  const { id } = await seed(world, workspace.secret).key({ name: name() })
  const update = (input: object) =>
    outcome(world, workspace.secret, 'updateApiKey', { id, ...input })
  expect(await update({ permissions: agents })).toEqual(['done'])
  expect(await update({ spaces: [{ spaceId }] })).toEqual(['done'])
  const legacy = legacyKey(workspace.ownerId, { permissions: agents })
  const { keys } = await importKeys(world, workspace.secret, [legacy])
  const migrated = { id: keys[0].id, allSpaces: true }
  expect(await outcome(world, workspace.secret, 'migrateLegacyKey', migrated)).toEqual(['done'])
})
