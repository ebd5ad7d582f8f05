import { beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'

let spaces: { a: string; b: string }

const days = (count: number): string => new Date(Date.now() + count * 86_400_000).toISOString()
let count = 0
const name = (): string => `Name ${++count}`

useWorkspace()
beforeAll(async () => {
  const { space } = seed(world, workspace.secret)
  spaces = { a: await space({ name: 'A' }), b: await space({ name: 'B' }) }
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const machine = async (role: string): Promise<string> =>
  (await seed(world, workspace.secret).machine({ name: name(), role })).userId

const manage = ['keys:read', 'keys:create', 'keys:update']
const notGrantable = ['PERMISSION_NOT_GRANTABLE input.id']

// A stronger key of the same owner is no way up: nobody gets its secret, its life or a copy of it.
test('a weak key takes over no stronger one of its own owner', async () => {
  const weak = await make({ permissions: [...manage, 'members:read'], allSpaces: true })
  const strong = await make({ permissions: ['*'], allSpaces: true })
  const receiver = await machine('ADMIN')
  const inputs = { id: strong.id }
  expect(new Set(await outcome(world, weak.secret, 'rotateApiKey', inputs))).toEqual(
    new Set(notGrantable),
  )
  const transfer = { ...inputs, ownerId: receiver }
  expect(new Set(await outcome(world, weak.secret, 'transferApiKey', transfer))).toEqual(
    new Set(notGrantable),
  )
  expect(await outcome(world, weak.secret, 'disableApiKey', inputs)).toEqual(['done'])
  expect(new Set(await outcome(world, weak.secret, 'enableApiKey', inputs))).toEqual(
    new Set(notGrantable),
  )
  expect(await view(world, strong.secret)).toBe('DISABLED')
  expect(await outcome(world, workspace.secret, 'enableApiKey', inputs)).toEqual(['done'])
  expect(await view(world, strong.secret)).toMatchObject({ allSpaces: true })
})

// The key of a machine user can be given a new secret by any admin's key: so it counts whole.
test('a weak key rotates a machine key only when it holds all that it declares', async () => {
  const ownerId = await machine('MEMBER')
  const its = { ownerId, permissions: ['spaces:read', 'agents:read', 'agents:delete'] }
  const key = await make({ ...its, spaces: [{ spaceId: spaces.a }] })
  const permissions = [...manage, 'spaces:read', 'agents:*']
  const rotate = (secret: string) => outcome(world, secret, 'rotateApiKey', { id: key.id })
  const without = await make({ permissions: [...manage, 'spaces:read'], allSpaces: true })
  // The machine user is a MEMBER and cannot delete agents now; it may be a BUILDER tomorrow.
  expect(new Set(await rotate(without.secret))).toEqual(new Set(notGrantable))
  const less = [{ spaceId: spaces.a, permissions: ['spaces:read', 'agents:read'] }]
  const narrowed = await make({ permissions, spaces: [...less, { spaceId: spaces.b }] })
  expect(await rotate(narrowed.secret)).toEqual(['SPACE_NOT_GRANTABLE input.id'])
  const elsewhere = await make({ permissions, spaces: [{ spaceId: spaces.b }] })
  expect(await rotate(elsewhere.secret)).toEqual(['NOT_FOUND input.id'])
  const shortLived = await make({ permissions, allSpaces: true, expiresAt: days(1) })
  expect(await rotate(shortLived.secret)).toEqual(['EXPIRY_NOT_ALLOWED input.id'])
  const limited = await make({ permissions, allSpaces: true, requestsPerMinute: 5 })
  expect(await rotate(limited.secret)).toEqual(['INVALID input.id'])
  const enough = await make({ permissions, spaces: [{ spaceId: spaces.a }] })
  expect(await rotate(enough.secret)).toEqual(['done'])
})

// For a machine user members:own counts for nothing, so that an admin can look after its keys.
test('an admin rotates and transfers * of machine users, and gains nothing by it', async () => {
  const ann = await addHuman(world, workspace, 'ADMIN')
  const admin = await humanKey(world, workspace, ann, { permissions: ['*'], allSpaces: true })
  const [first, second] = [await machine('ADMIN'), await machine('MEMBER')]
  const key = await make({ ownerId: first, permissions: ['*'], allSpaces: true })
  const payload = await done(world, admin.secret, 'rotateApiKey', 'secret', { id: key.id })
  const seen = await view(world, payload.secret)
  expect(seen).toMatchObject({ allSpaces: true })
  expect(seen).toEqual(await view(world, admin.secret))
  const given = await done(world, admin.secret, 'transferApiKey', 'secret', {
    id: key.id,
    ownerId: second,
  })
  expect(await view(world, given.secret)).toMatchObject({ allSpaces: false, spaces: {} })
  expect(await view(world, payload.secret)).toBe('ROTATED')
})

// What a key could be after an update is judged whole, not what the update touches.
test('an update cannot widen a key beyond the caller', async () => {
  const caller = await make({
    permissions: [...manage, 'spaces:read', 'agents:read'],
    spaces: [{ spaceId: spaces.a }, { spaceId: spaces.b, permissions: ['spaces:read'] }],
  })
  const target = await make({ permissions: ['spaces:read'], spaces: [{ spaceId: spaces.b }] })
  const update = (input: object) =>
    outcome(world, caller.secret, 'updateApiKey', { id: target.id, ...input })
  const both = ['spaces:read', 'agents:read']
  expect(await update({ permissions: both })).toEqual([
    'SPACE_NOT_GRANTABLE input.spaces.0.spaceId',
  ])
  expect(await update({ permissions: ['members:read'] })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
  expect(await update({ permissions: both, spaces: [{ spaceId: spaces.a }] })).toEqual(['done'])
  expect(await update({ allSpaces: true })).toEqual(['SPACE_NOT_GRANTABLE input.allSpaces'])
  expect(await update({ spaces: [{ spaceId: spaces.a }, { spaceId: spaces.b }] })).toEqual([
    'SPACE_NOT_GRANTABLE input.spaces.1.spaceId',
  ])
  expect(await view(world, target.secret)).toEqual({
    permissions: both,
    allSpaces: false,
    spaces: { [spaces.a]: both },
  })
})

// A key with keys:update could otherwise free itself.
test('a key cannot take off its own bounds, nor widen itself', async () => {
  const bounds = { expiresAt: days(2), requestsPerMinute: 100, allowedIps: ['10.1.0.0/16'] }
  const permissions = ['keys:read', 'keys:update', 'spaces:read', 'agents:read']
  const key = await make({ permissions, spaces: [{ spaceId: spaces.a }], ...bounds })
  const update = async (input: object): Promise<string[]> => {
    const query =
      'mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { errors { code path } } }'
    const variables = { input: { id: key.id, ...input } }
    const { data } = await world.gql(key.secret, query, variables, { address: '10.1.2.3' })
    return data.updateApiKey.errors.map(
      (error: { code: string; path: string[] }) => `${error.code} ${error.path.join('.')}`,
    )
  }
  const expiry = ['EXPIRY_NOT_ALLOWED input.expiresAt']
  expect(await update({ expiresAt: null })).toEqual(expiry)
  expect(await update({ expiresAt: days(3) })).toEqual(expiry)
  expect(await update({ requestsPerMinute: null })).toEqual(['INVALID input.requestsPerMinute'])
  expect(await update({ requestsPerMinute: 101 })).toEqual(['INVALID input.requestsPerMinute'])
  expect(await update({ allowedIps: null })).toEqual(['INVALID input.allowedIps'])
  expect(await update({ allowedIps: [] })).toEqual(['INVALID input.allowedIps'])
  expect(await update({ allowedIps: ['10.0.0.0/8'] })).toEqual(['INVALID input.allowedIps.0'])
  expect(await update({ allSpaces: true })).toEqual(['SPACE_NOT_GRANTABLE input.allSpaces'])
  expect(await update({ permissions: [...permissions, 'keys:delete'] })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.4',
  ])
  expect(await update({ permissions: [...permissions, 'agents:*'] })).not.toEqual([])
  expect(await update({ spaces: [{ spaceId: spaces.b }] })).toEqual([
    'NOT_FOUND input.spaces.0.spaceId',
  ])
  for (const field of ['permissions', 'scopeIds', 'spaces', 'allSpaces', 'name'])
    expect(await update({ [field]: null })).toEqual([`INVALID input.${field}`])
  const narrower = { expiresAt: days(1), requestsPerMinute: 50, allowedIps: ['10.1.2.0/24'] }
  expect(await update(narrower)).toEqual([])
  expect(await update({ spaces: [{ spaceId: spaces.a, permissions: ['spaces:read'] }] })).toEqual(
    [],
  )
  // Bounds and grants only ever go one way.
  expect(await update({ spaces: [{ spaceId: spaces.a, permissions: null }] })).not.toEqual([])
  expect(await update({ requestsPerMinute: 51 })).toEqual(['INVALID input.requestsPerMinute'])
})

// Emptying each list in turn leaves less than before, never more.
test('emptying any list widens nothing', async () => {
  const scopeId = await seed(world, workspace.secret).scope({
    name: name(),
    permissions: ['spaces:read', 'agents:read'],
  })
  const full = {
    permissions: ['workspace:read'],
    scopeIds: [scopeId],
    spaces: [{ spaceId: spaces.a, permissions: ['spaces:read'] }],
  }
  const after = async (input: object) => {
    const key = await make(full)
    await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', { id: key.id, ...input })
    return view(world, key.secret)
  }
  const nowhere = { allSpaces: false, spaces: {} }
  const inA = (...held: string[]) => ({ allSpaces: false, spaces: { [spaces.a]: held } })
  expect(await after({})).toEqual({
    permissions: ['workspace:read', 'spaces:read'],
    ...inA('spaces:read'),
  })
  expect(await after({ permissions: [] })).toEqual({
    permissions: ['spaces:read'],
    ...inA('spaces:read'),
  })
  expect(await after({ scopeIds: [] })).toEqual({ permissions: ['workspace:read'], ...inA() })
  expect(await after({ spaces: [] })).toEqual({ permissions: ['workspace:read'], ...nowhere })
  expect(await after({ allSpaces: false })).toMatchObject(inA('spaces:read'))
  expect(await after({ spaces: [{ spaceId: spaces.a, permissions: [] }] })).toEqual({
    permissions: ['workspace:read'],
    ...inA(),
  })
})

// Others can take away from a person's key and give it back to them, but never hold it or add to it.
test("another person's key can be narrowed, disabled and revoked, not rotated or widened", async () => {
  const [ann, bob] = [
    await addHuman(world, workspace, 'ADMIN'),
    await addHuman(world, workspace, 'BUILDER'),
  ]
  const terms = { permissions: ['spaces:read', 'agents:read'], allSpaces: true }
  const key = await humanKey(world, workspace, bob, terms)
  const admin = await humanKey(world, workspace, ann, { permissions: ['*'], allSpaces: true })
  const { id } = key
  const run = (mutation: string, input: object = {}) =>
    outcome(world, admin.secret, mutation, { id, ...input })
  expect(await run('rotateApiKey')).toEqual(notGrantable)
  expect(await run('updateApiKey', { permissions: ['spaces:read', 'agents:*'] })).toEqual(
    notGrantable,
  )
  expect(await run('transferApiKey', { ownerId: ann.userId })).toEqual(['INVALID input.ownerId'])
  expect(await run('transferApiKey', { ownerId: workspace.ownerId })).toEqual([
    'INVALID input.ownerId',
  ])
  expect(await run('updateApiKey', { permissions: ['spaces:read'], name: 'Less' })).toEqual([
    'done',
  ])
  expect(await run('disableApiKey')).toEqual(['done'])
  expect(await run('enableApiKey')).toEqual(['done'])
  const machineId = await machine('MEMBER')
  expect(await run('transferApiKey', { ownerId: machineId })).toEqual(['done'])
  expect(await run('revokeApiKey')).toEqual(['done'])
})

// What a key does not see it can neither change nor tell from what is not there.
test('keys that reach further than the caller are not there', async () => {
  const caller = await make({
    permissions: [...manage, 'keys:delete', 'spaces:read', 'agents:*'],
    spaces: [{ spaceId: spaces.a }],
  })
  const hidden = await Promise.all([
    make({ allSpaces: true }),
    make({ spaces: [{ spaceId: spaces.b }] }),
    make({ spaces: [{ spaceId: spaces.a }, { spaceId: spaces.b }] }),
  ])
  const other = await world.createWorkspace()
  const ids = [...hidden.map(({ id }) => id), other.keyId, `key_${'0'.repeat(26)}`, 'x', '']
  const receiver = await machine('MEMBER')
  for (const id of ids) {
    const absent = ['NOT_FOUND input.id']
    for (const mutation of ['rotateApiKey', 'updateApiKey', 'enableApiKey', 'revokeApiKey'])
      expect([mutation, await outcome(world, caller.secret, mutation, { id })]).toEqual([
        mutation,
        absent,
      ])
    const transfer = { id, ownerId: receiver }
    expect(await outcome(world, caller.secret, 'transferApiKey', transfer)).toEqual(absent)
    const { data } = await world.gql(caller.secret, 'query ($id: ID!) { apiKey(id: $id) { id } }', {
      id,
    })
    expect(data.apiKey).toBeNull()
  }
})

// What is linked today can be widened tomorrow, through another mutation.
test('linking a further scope is no narrowing, though the scope gives nothing new today', async () => {
  const ann = await addHuman(world, workspace, 'MEMBER')
  const scopes = seed(world, workspace.secret)
  const permissions = ['spaces:read', 'agents:read']
  const [linked, further] = [
    await scopes.scope({ name: 'linked', permissions }),
    await scopes.scope({ name: 'further', permissions: ['spaces:read'] }),
  ]
  const theirs = await humanKey(world, workspace, ann, { permissions, allSpaces: true })
  const link = (scopeIds: string[], id = theirs.id, secret = workspace.secret) =>
    outcome(world, secret, 'updateApiKey', { id, scopeIds })
  expect(await link([further])).toEqual(['PERMISSION_NOT_GRANTABLE input.id'])
  expect(await link([])).toEqual(['done'])
  const weak = await make({
    permissions: [...manage, 'spaces:read', 'scopes:read'],
    spaces: [{ spaceId: spaces.a }],
  })
  const key = await make({ permissions, scopeIds: [linked], spaces: [{ spaceId: spaces.a }] })
  expect(await link([linked, further], key.id, weak.secret)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.1',
  ])
  expect(await link([linked, further], key.id)).toEqual(['done'])
  expect(await link([linked], key.id, weak.secret)).toEqual(['done'])
  expect(await link([], key.id, weak.secret)).toEqual(['done'])
})
