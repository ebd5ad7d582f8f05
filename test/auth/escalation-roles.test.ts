import { beforeAll, expect, test } from 'vitest'
import { addHuman, type Human, humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'

let machine: { id: string; userId: string }

let count = 0
const name = (): string => `Name ${++count}`
const everything = { permissions: ['*'], allSpaces: true }
const roles = ['BUILDER', 'MEMBER'] as const

useWorkspace()
beforeAll(async () => {
  machine = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'MEMBER' })
})

/** A person of the role, with a key that declares everything. */
async function person(role: string): Promise<Human & { id: string; secret: string }> {
  const human = await addHuman(world, workspace, role)
  return { ...human, ...(await humanKey(world, workspace, human, everything)) }
}

// '*' on the key of a BUILDER or MEMBER is what the role can do, and not a word more.
test.each(roles)('a %s declares everything and holds the ceiling', async (role) => {
  const { secret } = await person(role)
  const seen = await view(world, secret)
  const keys = ['keys:read', 'keys:create', 'keys:update', 'keys:delete', 'keys:rotate']
  const builders = role === 'BUILDER' ? ['members:read'] : []
  expect(seen).toEqual({
    permissions: [
      'workspace:read',
      ...builders,
      'scopes:read',
      ...keys,
      'tokens:read',
      'tokens:delete',
    ],
    allSpaces: false,
    spaces: {},
  })
})

// Permissions on keys end at one's own: others' are absent, not forbidden.
test.each(roles)('to a %s the keys of others are not there', async (role) => {
  const { secret, id, userId } = await person(role)
  const others = [
    (await person(role)).id,
    (await seed(world, workspace.secret).key({ name: name(), ownerId: machine.userId })).id,
    workspace.keyId,
  ]
  for (const other of others) {
    for (const mutation of ['updateApiKey', 'rotateApiKey', 'disableApiKey', 'enableApiKey'])
      expect(await outcome(world, secret, mutation, { id: other })).toEqual(['NOT_FOUND input.id'])
    for (const includeCreated of [false, true])
      expect(await outcome(world, secret, 'revokeApiKey', { id: other, includeCreated })).toEqual([
        'NOT_FOUND input.id',
      ])
    const transfer = { id: other, ownerId: userId }
    expect(await outcome(world, secret, 'transferApiKey', transfer)).toEqual(['NOT_FOUND input.id'])
  }
  const { data, errors } = await world.gql(
    secret,
    `query ($id: ID!) {
      apiKeys(first: 100) { nodes { id } }
      apiKey(id: $id) { id }
      scopes { nodes { apiKeys { nodes { id } } } }
    }`,
    { id: workspace.keyId },
  )
  expect(errors).toEqual([])
  expect(data.apiKeys.nodes).toEqual([{ id }])
  expect(data.apiKey).toBeNull()
})

// A key of a machine user would outlive the person, and could do more than they.
test.each(roles)('a %s gives no key to a machine user', async (role) => {
  const { secret, id } = await person(role)
  const input = { name: name(), ownerId: machine.userId }
  expect(await outcome(world, secret, 'createApiKey', input)).toEqual(['FORBIDDEN keys:create'])
  const transfer = { id, ownerId: machine.userId }
  expect(await outcome(world, secret, 'transferApiKey', transfer)).toEqual([
    'FORBIDDEN keys:update',
  ])
})

test.each(roles)('a %s makes keys for themselves, within what they hold', async (role) => {
  const { secret } = await person(role)
  const keep = { name: name(), permissions: ['keys:*'] }
  // keys:verify is an ADMIN's, whatever the key declares.
  expect(await outcome(world, secret, 'createApiKey', keep)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
  const permissions = ['keys:read', 'keys:create']
  const own = await seed(world, secret).key({ name: name(), permissions, allSpaces: true })
  expect(await view(world, own.secret)).toMatchObject({ permissions })
  expect(await outcome(world, own.secret, 'createApiKey', { name: name(), ...everything })).toEqual(
    expect.arrayContaining(['PERMISSION_NOT_GRANTABLE input.permissions.0']),
  )
})

// includeCreated goes no further than the caller's own permissions on keys.
test('a builder takes back what they made, and stops at a key that has another owner', async () => {
  const { secret } = await person('BUILDER')
  const permissions = ['keys:read', 'keys:create', 'keys:delete']
  const child = await seed(world, secret).key({ name: name(), permissions })
  const grandchild = await seed(world, child.secret).key({ name: name(), permissions: [] })
  const input = { id: child.id, includeCreated: true }
  // Given to a machine user since, by an admin.
  const given = await seed(world, child.secret).key({ name: name(), permissions: [] })
  const transfer = { id: given.id, ownerId: machine.userId }
  await done(world, workspace.secret, 'transferApiKey', 'secret', transfer)
  expect(await outcome(world, secret, 'revokeApiKey', input)).toEqual(['FORBIDDEN keys:delete'])
  expect(await view(world, grandchild.secret)).toMatchObject({ permissions: [] })
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: given.id })
  // What is revoked already stands in nobody's way.
  expect(await outcome(world, secret, 'revokeApiKey', input)).toEqual(['done'])
  expect([await view(world, child.secret), await view(world, grandchild.secret)]).toEqual([
    'REVOKED',
    'REVOKED',
  ])
})

// What a role lacks no key of it can do, whatever it declares.
test.each(roles)('a %s changes nothing of members, spaces, scopes and workspace', async (role) => {
  const { secret, memberId } = await person(role)
  const space = await seed(world, workspace.secret).space({ name: name(), visibility: 'OPEN' })
  const scope = await seed(world, workspace.secret).scope({ name: name(), permissions: [] })
  const inputs: [string, object, string][] = [
    ['addMember', { email: 'm@example.com', role }, 'members:create'],
    ['createMachineUser', { name: name(), role }, 'members:create'],
    ['updateMember', { id: memberId, role: 'ADMIN' }, 'members:update'],
    ['removeMember', { id: machine.id }, 'members:delete'],
    ['createSpace', { name: name() }, 'spaces:create'],
    ['updateSpace', { id: space, name: name() }, 'spaces:update'],
    ['addSpaceMember', { spaceId: space, memberId }, 'spaces:update'],
    ['removeSpaceMember', { spaceId: space, memberId }, 'spaces:update'],
    ['deleteSpace', { id: space }, 'spaces:delete'],
    ['createScope', { name: name() }, 'scopes:create'],
    ['updateScope', { id: scope, name: name() }, 'scopes:update'],
    ['deleteScope', { id: scope }, 'scopes:delete'],
    ['updateWorkspace', { maxKeyLifetimeDays: null }, 'workspace:update'],
  ]
  for (const [mutation, input, permission] of inputs)
    expect([mutation, await outcome(world, secret, mutation, { ...input })]).toEqual([
      mutation,
      [`FORBIDDEN ${permission}`],
    ])
})
