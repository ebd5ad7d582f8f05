import { expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'

let count = 0
const name = (): string => `Name ${++count}`

useWorkspace()

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const scope = (input: object) => seed(world, workspace.secret).scope({ name: name(), ...input })
const create = (input: object, secret = workspace.secret) =>
  outcome(world, secret, 'createScope', { name: name(), ...input })
const update = (id: string, input: object, secret = workspace.secret) =>
  outcome(world, secret, 'updateScope', { id, ...input })

async function shown(id: string) {
  const { data } = await world.gql(
    workspace.secret,
    'query ($id: ID!) { scope(id: $id) { permissions agentAccess } }',
    { id },
  )
  return data.scope
}

// A scope is a set of permissions for many keys: nobody writes into it what they do not hold.
test('a scope holds nothing that its author does not', async () => {
  const author = await make({ permissions: ['scopes:*', 'agents:read', 'members:read'] })
  const refused = (index: number) => [`PERMISSION_NOT_GRANTABLE input.permissions.${index}`]
  const run = (permissions: string[]) => create({ permissions }, author.secret)
  expect(await run(['agents:read', 'members:read', 'scopes:*'])).toEqual(['done'])
  expect(await run(['agents:read', 'agents:delete'])).toEqual(refused(1))
  for (const alias of ['*', '*:read', 'agents:*', 'members:*'])
    expect([alias, await run([alias])]).toEqual([alias, refused(0)])
  expect(
    await create({ permissions: ['members:read'], agentAccess: 'EDIT' }, author.secret),
  ).toEqual(['PERMISSION_NOT_GRANTABLE input.agentAccess'])
  const id = await scope({ permissions: ['keys:read'] })
  expect(await update(id, { agentAccess: 'FULL' }, author.secret)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.agentAccess',
  ])
  // What is there already may stay, and be taken away; it may not come back.
  expect(await update(id, { permissions: ['keys:read', 'agents:read'] }, author.secret)).toEqual([
    'done',
  ])
  expect(await update(id, { permissions: ['agents:read'] }, author.secret)).toEqual(['done'])
  expect(await update(id, { permissions: ['keys:read'] }, author.secret)).toEqual(refused(0))
  // An alias may become some of what it covers now, not what will cover more one day.
  const alias = await scope({ permissions: ['workspace:*'] })
  const parts = { permissions: ['agents:read', 'workspace:read'] }
  expect(await update(alias, parts, author.secret)).toEqual(['done'])
  const every = await scope({ permissions: ['tokens:read', 'tokens:delete'] })
  expect(await update(every, { permissions: ['tokens:*'] }, author.secret)).toEqual(refused(0))
})

// A scope is closed by itself: what one permission requires is in it, aliases expanded.
test('a scope holds what its permissions require', async () => {
  const missing = ['PERMISSION_DEPENDENCY_MISSING input.permissions']
  for (const permissions of [['agents:run'], ['documents:read'], ['sessions:*'], ['members:own']])
    expect([permissions, await create({ permissions })]).toEqual([permissions, missing])
  for (const permissions of [[], ['agents:*'], ['*:read', 'sessions:create'], ['*']])
    expect([permissions, await create({ permissions })]).toEqual([permissions, ['done']])
  expect(await create({ permissions: ['sessions:read'], agentAccess: 'VIEW' })).toEqual(['done'])
  const id = await scope({ permissions: ['sessions:read'], agentAccess: 'VIEW' })
  expect(await update(id, { agentAccess: 'NONE' })).toEqual(missing)
})

test('unknown names are named, and the rest is not taken', async () => {
  const permissions = ['agents:read', 'agents:fly', 'AGENTS:READ', '*:*', '']
  const unknown = [1, 2, 3, 4].map((index) => `UNKNOWN_PERMISSION input.permissions.${index}`)
  expect(await create({ permissions })).toEqual(unknown)
})

test('a level is joined to what is created, and replaces the four when updated', async () => {
  const id = await scope({ permissions: ['agents:read', 'agents:run'], agentAccess: 'FULL' })
  expect(await shown(id)).toMatchObject({ agentAccess: 'FULL' })
  await done(world, workspace.secret, 'updateScope', 'scope { id }', { id, agentAccess: 'VIEW' })
  expect(await shown(id)).toEqual({
    permissions: ['agents:run', 'agents:read'],
    agentAccess: 'VIEW',
  })
  const mix = { id, permissions: ['agents:read', 'agents:delete'] }
  await done(world, workspace.secret, 'updateScope', 'scope { id }', mix)
  expect(await shown(id)).toMatchObject({ agentAccess: 'CUSTOM' })
})

test('CUSTOM, and a level beside an alias that covers agents, are no input', async () => {
  const invalid = ['INVALID input.agentAccess']
  expect(await create({ agentAccess: 'CUSTOM' })).toEqual(invalid)
  for (const alias of ['agents:*', '*', '*:read'])
    expect(await create({ permissions: [alias], agentAccess: 'VIEW' })).toEqual(invalid)
  const id = await scope({ permissions: ['agents:*'] })
  expect(await update(id, { agentAccess: 'VIEW' })).toEqual(invalid)
  expect(await update(id, { agentAccess: 'VIEW', permissions: ['agents:run'] })).toEqual(['done'])
})

test('null is no name, no list and no level of an update', async () => {
  const id = await scope({ permissions: ['agents:read'], description: 'x' })
  for (const field of ['name', 'permissions', 'agentAccess'])
    expect(await update(id, { [field]: null })).toEqual([`INVALID input.${field}`])
  expect(await update(id, { description: null })).toEqual(['done'])
  expect(await shown(id)).toMatchObject({ permissions: ['agents:read'] })
})

test('a scope that is not there is not found', async () => {
  const other = await world.createWorkspace()
  const foreign = await seed(world, other.secret).scope({ name: 'Foreign' })
  const deleted = await scope({})
  await done(world, workspace.secret, 'deleteScope', 'deletedId', { id: deleted })
  for (const id of [foreign, deleted, `scp_${'0'.repeat(26)}`, '']) {
    expect(await update(id, { name: name() })).toEqual(['NOT_FOUND input.id'])
    expect(await outcome(world, workspace.secret, 'deleteScope', { id })).toEqual([
      'NOT_FOUND input.id',
    ])
    const key = { name: name(), scopeIds: [id] }
    expect(await outcome(world, workspace.secret, 'createApiKey', key)).toEqual([
      'NOT_FOUND input.scopeIds.0',
    ])
  }
})
