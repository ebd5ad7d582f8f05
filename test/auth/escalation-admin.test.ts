import { beforeAll, expect, test } from 'vitest'
import { addHuman, type Human, humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'

let ann: Human
/** All that an ADMIN can hold. */
let admin: string

let count = 0
const name = (): string => `Name ${++count}`

useWorkspace()
beforeAll(async () => {
  ann = await addHuman(world, workspace, 'ADMIN')
  const terms = { permissions: ['*'], allSpaces: true }
  admin = (await humanKey(world, workspace, ann, terms)).secret
})

const asAdmin = (mutation: string, input: object) =>
  outcome(world, admin, mutation, input as Record<string, unknown>)

// A key of an owner is an owner's power: none of it passes to an admin, however weak the key is.
test("an admin changes nothing of an owner's keys", async () => {
  const weak = await seed(world, workspace.secret).key({ name: name() })
  const { userId } = await seed(world, workspace.secret).machine({ name: name(), role: 'MEMBER' })
  for (const id of [weak.id, workspace.keyId]) {
    const inputs: [string, object][] = [
      ['rotateApiKey', { id }],
      ['updateApiKey', { id, name: 'mine' }],
      ['updateApiKey', { id, permissions: [] }],
      ['disableApiKey', { id }],
      ['enableApiKey', { id }],
      ['transferApiKey', { id, ownerId: userId }],
      ['revokeApiKey', { id }],
      ['revokeApiKey', { id, includeCreated: true }],
    ]
    for (const [mutation, input] of inputs)
      expect([mutation, await asAdmin(mutation, input)]).toEqual([
        mutation,
        ['FORBIDDEN members:own'],
      ])
  }
  expect(await view(world, weak.secret)).toEqual({ permissions: [], allSpaces: false, spaces: {} })
})

// Keys that an admin's key made for nobody but itself and machine users never include an owner's.
test('revoking with all that was made stops before an owner', async () => {
  const made = await seed(world, admin).key({ name: name(), permissions: ['keys:read'] })
  const maker = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: made.id } })
  const owned = await seed(world, workspace.secret).key({ name: name() })
  // Made while the key's owner was an owner: the API does not let an admin's key do it.
  await world.deps.prisma.apiKey.updateMany({
    where: { id: owned.id },
    data: { createdByKeyId: maker.id },
  })
  const input = { id: made.id, includeCreated: true }
  expect(await asAdmin('revokeApiKey', input)).toEqual(['FORBIDDEN members:own'])
  expect(await view(world, made.secret)).toMatchObject({ permissions: ['keys:read'] })
  expect(await outcome(world, workspace.secret, 'revokeApiKey', input)).toEqual(['done'])
  expect(await view(world, owned.secret)).toBe('REVOKED')
})

test('an admin makes nobody an owner, by no door', async () => {
  const bob = await addHuman(world, workspace, 'MEMBER')
  const refused = ['PERMISSION_NOT_GRANTABLE input.role']
  expect(await asAdmin('updateMember', { id: ann.memberId, role: 'OWNER' })).toEqual(refused)
  expect(await asAdmin('updateMember', { id: bob.memberId, role: 'OWNER' })).toEqual(refused)
  expect(await asAdmin('addMember', { email: 'o@example.com', role: 'OWNER' })).toEqual(refused)
  const machine = { name: name(), role: 'OWNER' }
  expect(await asAdmin('createMachineUser', machine)).toEqual(['INVALID input.role'])
  expect(await asAdmin('addMember', { email: 'p@example.com', role: 'ADMIN' })).toEqual(['done'])
})

// A machine user is at most ADMIN, also for an owner.
test('no machine user becomes an owner', async () => {
  const { id } = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
  for (const secret of [workspace.secret, admin])
    expect(await outcome(world, secret, 'updateMember', { id, role: 'OWNER' })).toEqual([
      'INVALID input.role',
    ])
  const input = { name: name(), role: 'OWNER' }
  expect(await outcome(world, workspace.secret, 'createMachineUser', input)).toEqual([
    'INVALID input.role',
  ])
})

test('an admin neither demotes, renames nor removes an owner', async () => {
  const carl = await addHuman(world, workspace, 'OWNER')
  for (const id of [workspace.ownerMemberId, carl.memberId])
    for (const [mutation, input] of [
      ['updateMember', { id, role: 'MEMBER' }],
      ['updateMember', { id, name: 'Nobody' }],
      ['removeMember', { id }],
    ] as const)
      expect([mutation, await asAdmin(mutation, input)]).toEqual([
        mutation,
        ['FORBIDDEN members:own'],
      ])
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: carl.memberId })
})

// No alias, no scope and no key brings members:own to who does not hold it.
test('an admin writes members:own into no key and no scope', async () => {
  const key = await seed(world, admin).key({ name: name(), permissions: ['keys:read'] })
  const scope = await seed(world, admin).scope({ name: name(), permissions: ['members:read'] })
  const refused = ['PERMISSION_NOT_GRANTABLE input.permissions.0']
  for (const permissions of [['*'], ['members:own', 'members:read']]) {
    expect(await asAdmin('createApiKey', { name: name(), permissions })).toEqual(refused)
    expect(await asAdmin('updateApiKey', { id: key.id, permissions })).toEqual(refused)
    expect(await asAdmin('createScope', { name: name(), permissions })).toEqual(refused)
    expect(await asAdmin('updateScope', { id: scope, permissions })).toEqual(refused)
  }
  const { id } = await seed(world, admin).key({ name: name(), permissions: ['members:*'] })
  const { data } = await world.gql(
    workspace.secret,
    'query ($id: ID!) { apiKey(id: $id) { effectivePermissions } }',
    { id },
  )
  expect(data.apiKey.effectivePermissions).not.toContain('members:own')
})

// A scope that an owner made with '*' stays out of an admin's reach.
test('an admin links no key of a person to a scope that holds members:own', async () => {
  const scopeId = await seed(world, workspace.secret).scope({ name: name(), permissions: ['*'] })
  const input = { name: name(), scopeIds: [scopeId] }
  expect(await asAdmin('createApiKey', input)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.scopeIds.0',
  ])
  const { userId } = await seed(world, admin).machine({ name: name(), role: 'ADMIN' })
  const key = await seed(world, admin).key({ ...input, ownerId: userId, allSpaces: true })
  expect(await view(world, key.secret)).toEqual(await view(world, admin))
})

// Demoted, an owner's own key with '*' is an admin's: it cannot climb back.
test('a demoted owner does not climb back by their own key', async () => {
  const dora = await addHuman(world, workspace, 'OWNER')
  const terms = { permissions: ['*'], allSpaces: true }
  const key = await humanKey(world, workspace, dora, terms)
  expect(await view(world, key.secret)).toEqual(await view(world, workspace.secret))
  const demoted = { id: dora.memberId, role: 'ADMIN' }
  await done(world, workspace.secret, 'updateMember', 'member { id }', demoted)
  expect(await view(world, key.secret)).toEqual(await view(world, admin))
  const back = { id: dora.memberId, role: 'OWNER' }
  expect(await outcome(world, key.secret, 'updateMember', back)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.role',
  ])
  const copy = { name: name(), permissions: ['*'], allSpaces: true }
  expect(await outcome(world, key.secret, 'createApiKey', copy)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
})

// Somebody must be left who can make owners.
test('the last human owner stays one', async () => {
  const other = await world.createWorkspace()
  const id = other.ownerMemberId
  const run = (mutation: string, input: object) =>
    outcome(world, other.secret, mutation, input as Record<string, unknown>)
  await seed(world, other.secret).machine({ name: name(), role: 'ADMIN' })
  for (const role of ['ADMIN', 'BUILDER', 'MEMBER'])
    expect(await run('updateMember', { id, role })).toEqual(['WRONG_STATE input.id'])
  expect(await run('removeMember', { id })).toEqual(['WRONG_STATE input.id'])
  const second = await addHuman(world, other, 'OWNER')
  const both = await Promise.all([
    run('updateMember', { id: second.memberId, role: 'MEMBER' }),
    run('removeMember', { id }),
  ])
  expect(both.map(String).sort()).toEqual(['WRONG_STATE input.id', 'done'])
  const owners = await world.deps.prisma.member.count({
    where: { workspaceId: other.id, role: 'OWNER', removedAt: null },
  })
  expect(owners).toBe(1)
})
