import { beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { type View, view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace
let spaces: { a: string; b: string }
let scopeId: string

let count = 0
const name = (): string => `Name ${++count}`
const scopes = ['scopes:read', 'scopes:update', 'scopes:delete']
const agents = ['spaces:read', 'agents:read', 'agents:delete']

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  spaces = { a: await make.space({ name: 'A' }), b: await make.space({ name: 'B' }) }
  scopeId = await make.scope({ name: 'Agents', permissions: ['spaces:read', 'agents:read'] })
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const widen = (secret: string) =>
  outcome(world, secret, 'updateScope', { id: scopeId, permissions: agents })
const refused = ['PERMISSION_NOT_GRANTABLE input.permissions']

// Who could not give a key the permission cannot give it by its scope either.
test('widening a scope is tested for each key that it touches', async () => {
  const author = await make({
    permissions: [...scopes, ...agents],
    spaces: [{ spaceId: spaces.a }],
  })
  const inA = await make({ scopeIds: [scopeId], spaces: [{ spaceId: spaces.a }] })
  expect(await widen(author.secret)).toEqual(['done'])
  expect(await view(world, inA.secret)).toMatchObject({ spaces: { [spaces.a]: agents } })
  await done(world, workspace.secret, 'updateScope', 'scope { id }', {
    id: scopeId,
    permissions: ['spaces:read', 'agents:read'],
  })
  const inB = await make({ scopeIds: [scopeId], spaces: [{ spaceId: spaces.b }] })
  expect(await widen(author.secret)).toEqual(refused)
  expect(((await view(world, inB.secret)) as View).spaces[spaces.b]).not.toContain('agents:delete')
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: inB.id })
  const everywhere = await make({ scopeIds: [scopeId], allSpaces: true })
  expect(await widen(author.secret)).toEqual(refused)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: everywhere.id })
  expect(await widen(author.secret)).toEqual(refused)
})

// A key narrowed in its space gains nothing there: so nothing is asked.
test('a key whose grant keeps the new permission out stands in nobody’s way', async () => {
  const author = await make({
    permissions: [...scopes, ...agents],
    spaces: [{ spaceId: spaces.a }],
  })
  const narrowed = [{ spaceId: spaces.b, permissions: ['spaces:read'] }]
  const key = await make({ scopeIds: [scopeId], spaces: narrowed })
  expect(await widen(author.secret)).toEqual(refused)
  const both = await make({
    permissions: [...scopes, ...agents],
    spaces: [{ spaceId: spaces.a }, ...narrowed],
  })
  expect(await widen(both.secret)).toEqual(['done'])
  expect(await view(world, key.secret)).toMatchObject({ spaces: { [spaces.b]: ['spaces:read'] } })
})

// A policy that is tightened, used and relaxed again must not open what it hid meanwhile.
test('a key that only the lifetime policy has ended counts too: it may live again', async () => {
  const author = await make({
    permissions: [...scopes, ...agents],
    spaces: [{ spaceId: spaces.a }],
  })
  const key = await make({ scopeIds: [scopeId], spaces: [{ spaceId: spaces.b }] })
  await world.deps.prisma.apiKey.updateMany({
    where: { id: key.id },
    data: { createdAt: new Date(Date.now() - 3 * 86_400_000) },
  })
  const policy = (maxKeyLifetimeDays: number | null) =>
    done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', { maxKeyLifetimeDays })
  await policy(1)
  expect(await view(world, key.secret)).toBe('EXPIRED')
  expect(await widen(author.secret)).toEqual(refused)
  await policy(null)
  expect(((await view(world, key.secret)) as View).spaces[spaces.b]).not.toContain('agents:delete')
})

// Expiry and limits of the author bind what the scope makes of a key.
test('an author with an expiry widens no key that outlives it', async () => {
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString()
  const author = await make({ permissions: [...scopes, ...agents], allSpaces: true, expiresAt })
  await make({ scopeIds: [scopeId], spaces: [{ spaceId: spaces.b }] })
  expect(await widen(author.secret)).toEqual(refused)
})

// Taking away is free, as long as no key is left with half of what it needs.
test('a narrower scope may not leave a key without what its own permissions require', async () => {
  const author = await make({ permissions: scopes })
  const key = await make({
    permissions: ['agents:run'],
    scopeIds: [scopeId],
    spaces: [{ spaceId: spaces.a }],
  })
  const narrow = { id: scopeId, permissions: ['spaces:read'] }
  expect(await outcome(world, author.secret, 'updateScope', narrow)).toEqual([
    'IN_USE input.permissions',
  ])
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  expect(await outcome(world, author.secret, 'updateScope', narrow)).toEqual(['done'])
})

// The answer names the keys that the caller may read, and tells nothing of the others.
test('a linked scope is not deleted, and hidden keys are neither named nor counted', async () => {
  const permissions = [...scopes, 'keys:read', 'spaces:read', 'agents:read']
  const author = await make({ permissions, spaces: [{ spaceId: spaces.a }] })
  const seen = await make({ name: 'Seen', scopeIds: [scopeId], spaces: [{ spaceId: spaces.a }] })
  const unseen = await make({ name: 'Unseen', scopeIds: [scopeId], allSpaces: true })
  const remove = async (secret = author.secret) => {
    const query = `mutation ($input: DeleteScopeInput!) {
      deleteScope(input: $input) { deletedId errors { code path message } } }`
    return (await world.gql(secret, query, { input: { id: scopeId } })).data.deleteScope
  }
  const { errors } = await remove()
  expect(errors).toMatchObject([{ code: 'IN_USE', path: ['input', 'id'] }])
  expect(errors[0].message).toBe('API keys link to this scope: "Seen".')
  // Who may not read keys is told no name, though the keys lie within reach.
  const blind = await make({
    permissions: [...scopes, 'spaces:read', 'agents:read'],
    allSpaces: true,
  })
  const told = (await remove(blind.secret)).errors[0].message
  expect(told).toBe('API keys link to this scope.')
  for (const { id } of [seen, unseen])
    await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id })
  expect(await remove()).toEqual({ deletedId: scopeId, errors: [] })
})

// An answer must not grow with the workspace.
test('of many linked keys some are named', async () => {
  for (let index = 0; index < 23; index += 1)
    await make({ name: `Linked ${index}`, scopeIds: [scopeId], spaces: [] })
  const query = `mutation { deleteScope(input: { id: "${scopeId}" }) { errors { message } } }`
  const { data } = await world.gql(workspace.secret, query)
  const { message } = data.deleteScope.errors[0]
  expect(message.match(/"Linked \d+"/g)).toHaveLength(20)
  expect(message).toContain(', 3 more')
})

// The order in which permissions are written is no change of what a key can do.
test("a scope of an owner's key may be written in another order by others", async () => {
  const ann = await addHuman(world, workspace, 'ADMIN')
  const admin = await humanKey(world, workspace, ann, { permissions: ['*'], allSpaces: true })
  await make({ scopeIds: [scopeId], allSpaces: true })
  const set = (permissions: string[]) =>
    outcome(world, admin.secret, 'updateScope', { id: scopeId, permissions })
  expect(await set(['agents:read', 'spaces:read'])).toEqual(['done'])
  expect(await set(['agents:read', 'spaces:read', 'agents:read'])).toEqual(['done'])
  for (const other of [
    ['agents:read'],
    ['agents:read', 'spaces:read', 'agents:run'],
    ['agents:*', 'spaces:read'],
  ])
    expect([other, await set(other)]).toEqual([other, ['FORBIDDEN members:own']])
})
