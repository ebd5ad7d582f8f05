import { beforeAll, expect, test } from 'vitest'
import { importKeys, legacyKey } from '../modules/legacy/ask.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

let robot: string
let spaceId: string

let count = 0
const name = (): string => `Name ${++count}`
/** All that changes keys, and scopes, and reads members; nothing that is held per space. */
const manage = [
  'members:read',
  'keys:read',
  'keys:create',
  'keys:update',
  'scopes:read',
  'scopes:create',
]
const agents = ['agents:read', 'agents:delete']

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  spaceId = await make.space({ name: 'A' })
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const as = (secret: string, mutation: string, input: object) =>
  outcome(world, secret, mutation, { ...input })

// Such a key passes the guard, so that it could write what its maker could not, such as scopes.
test('createApiKey: per-space permissions without a space must be held by the caller', async () => {
  for (const where of [{}, { allSpaces: true }, { spaces: [{ spaceId }] }]) {
    const { secret } = await make({ permissions: manage, ...where })
    for (const ownerId of [undefined, robot]) {
      const input = { name: name(), ownerId, permissions: [...agents, ...manage] }
      expect(await as(secret, 'createApiKey', input)).toEqual([
        'PERMISSION_NOT_GRANTABLE input.permissions.0',
        'PERMISSION_NOT_GRANTABLE input.permissions.1',
      ])
    }
    expect(await as(secret, 'createApiKey', { name: name(), permissions: manage })).toEqual([
      'done',
    ])
  }
})

test('createApiKey: per-space permissions of a linked scope must be held as well', async () => {
  const permissions = agents
  const scopeId = await seed(world, workspace.secret).scope({ name: name(), permissions })
  const { secret } = await make({ permissions: manage, allSpaces: true })
  const input = { name: name(), scopeIds: [scopeId], spaces: [] }
  expect(new Set(await as(secret, 'createApiKey', input))).toEqual(
    new Set(['PERMISSION_NOT_GRANTABLE input.scopeIds.0']),
  )
})

test('createApiKey: a space that narrows a permission away does not make it grantable', async () => {
  const permissions = [...manage, 'spaces:read', 'agents:read']
  const { secret } = await make({ permissions, spaces: [{ spaceId }] })
  const narrowed = { spaces: [{ spaceId, permissions: ['agents:read'] }] }
  const input = { name: name(), permissions: agents, ...narrowed }
  expect(await as(secret, 'createApiKey', input)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.1',
  ])
})

test('createApiKey: permissions held in one space can be given for no space', async () => {
  const { secret } = await make({ permissions: [...manage, ...agents], spaces: [{ spaceId }] })
  const input = { name: name(), permissions: agents, spaces: [] }
  expect(await as(secret, 'createApiKey', input)).toEqual(['done'])
})

// Each gives the secret or the use of a key that its caller could not have made.
test('update, rotate, enable, transfer and migrate test a key without spaces whole', async () => {
  const weak = await make({ permissions: manage, allSpaces: true })
  const notGrantable = new Set(['PERMISSION_NOT_GRANTABLE input.id'])
  const blank = await make({ ownerId: robot })
  const wider = { id: blank.id, permissions: ['agents:read'] }
  expect(await as(weak.secret, 'updateApiKey', wider)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
  const strong = await make({ ownerId: robot, permissions: agents, spaces: [] })
  const { id } = strong
  expect(new Set(await as(weak.secret, 'rotateApiKey', { id }))).toEqual(notGrantable)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
  expect(new Set(await as(weak.secret, 'enableApiKey', { id }))).toEqual(notGrantable)
  const { userId: ownerId } = await seed(world, workspace.secret).machine({
    name: name(),
    role: 'MEMBER',
  })
  expect(new Set(await as(weak.secret, 'transferApiKey', { id, ownerId }))).toEqual(notGrantable)
  const legacy = legacyKey(robot, { permissions: ['agents:read'] })
  const { keys } = await importKeys(world, workspace.secret, [legacy])
  expect(await as(weak.secret, 'migrateLegacyKey', { id: keys[0].id })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
})

test('importLegacyKeys: per-space permissions without a space must be held', async () => {
  const { secret } = await make({ permissions: manage, allSpaces: true })
  const legacy = legacyKey(robot, { permissions: agents })
  for (const dryRun of [true, false])
    expect((await importKeys(world, secret, [legacy], { dryRun })).results).toEqual([
      ['PERMISSION_NOT_GRANTABLE permissions.0', 'PERMISSION_NOT_GRANTABLE permissions.1'],
    ])
})

// A deleted space leaves a key that passes the guard and reaches nothing: it gives nothing in a space.
test('a key whose only space was deleted gives its permissions in no other space', async () => {
  const gone = await seed(world, workspace.secret).space({ name: name() })
  const permissions = [...manage, 'scopes:update', 'spaces:read', ...agents]
  const { secret } = await make({ permissions, spaces: [{ spaceId: gone }] })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: gone })
  const input = { name: name(), permissions: agents }
  expect(await as(secret, 'createApiKey', { ...input, spaces: [{ spaceId }] })).toEqual([
    'NOT_FOUND input.spaces.0.spaceId',
  ])
  expect(await as(secret, 'createApiKey', { ...input, allSpaces: true })).toEqual([
    'SPACE_NOT_GRANTABLE input.allSpaces',
  ])
  const scopeId = await seed(world, secret).scope({ name: name(), permissions: ['agents:read'] })
  const linked = { scopeIds: [scopeId], spaces: [{ spaceId }] }
  await make(linked)
  expect(await as(secret, 'updateScope', { id: scopeId, permissions: agents })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions',
  ])
})
