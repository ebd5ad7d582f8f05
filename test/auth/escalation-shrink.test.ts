import { beforeEach, expect, test } from 'vitest'
import { addHuman, type Human, humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { type View, view } from '../setup/view.ts'
import type { TestWorkspace } from '../setup/world.ts'

let workspace: TestWorkspace
let space: string
let agent: string
let bob: Human
/** Bob's, a BUILDER of the space: everything in all spaces, by declaration. */
let key: { id: string; secret: string }

let count = 0
const name = (): string => `Name ${++count}`

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  space = await make.space({ name: 'Lab' })
  agent = await make.agent({ name: 'Ada', spaceIds: [space] })
  bob = await addHuman(world, workspace, 'BUILDER')
  await asOwner('addSpaceMember', { spaceId: space, memberId: bob.memberId })
  key = await humanKey(world, workspace, bob, { permissions: ['*'], allSpaces: true })
})

const asOwner = (mutation: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, '__typename', input as Record<string, unknown>)

/** What the key sees of the space and its agent, and what it may do there. */
async function sees(secret: string): Promise<object | string> {
  const seen = await view(world, secret)
  if (typeof seen === 'string') return seen
  const { data } = await world.gql(
    secret,
    `query ($space: ID!, $agent: ID!) {
      space(id: $space) { id } agent(id: $agent) { id } agents { nodes { id } } spaces { nodes { id } }
    }`,
    { space, agent },
  )
  const listed = [...(data.spaces?.nodes ?? []), ...(data.agents?.nodes ?? [])]
  return {
    items: [data.space, data.agent].map((item) => item?.id ?? null),
    listed: listed.map((row: { id: string }) => row.id),
    may: seen.spaces[space] ?? null,
  }
}

const nothing = { items: [null, null], listed: [], may: null }
const builders = expect.arrayContaining(['agents:update', 'agents:delete'])
const everything = () => ({ items: [space, agent], listed: [space, agent], may: builders })

/** Twice, so that the second answer comes from whatever was remembered of the first. */
async function warm(): Promise<void> {
  for (let round = 0; round < 2; round++) expect(await sees(key.secret)).toEqual(everything())
}

// Every one of these takes effect on the very next request, though the key was used just before.
test('a demotion shrinks the key at the next request', async () => {
  await warm()
  await asOwner('updateMember', { id: bob.memberId, role: 'MEMBER' })
  const { may } = (await sees(key.secret)) as { may: string[] }
  expect(may).toContain('agents:run')
  expect(may).not.toContain('agents:update')
  const update = { id: agent, name: 'Mine' }
  expect(await outcome(world, key.secret, 'updateAgent', update)).toEqual([
    'FORBIDDEN agents:update',
  ])
})

test('being taken out of a space ends what was done there', async () => {
  await warm()
  await asOwner('removeSpaceMember', { spaceId: space, memberId: bob.memberId })
  expect(await sees(key.secret)).toEqual(nothing)
})

test('closing a space ends it for who is no member of it', async () => {
  await asOwner('removeSpaceMember', { spaceId: space, memberId: bob.memberId })
  await asOwner('updateSpace', { id: space, visibility: 'OPEN' })
  await warm()
  await asOwner('updateSpace', { id: space, visibility: 'RESTRICTED' })
  expect(await sees(key.secret)).toEqual(nothing)
})

test('deleting a space takes its grants with it, and nothing else comes within reach', async () => {
  const other = await seed(world, workspace.secret).space({ name: 'Other' })
  const permissions = ['spaces:read', 'agents:read']
  const granted = await seed(world, workspace.secret).key({
    name: name(),
    permissions,
    spaces: [{ spaceId: space }],
  })
  expect(await view(world, granted.secret)).toMatchObject({ spaces: { [space]: permissions } })
  await warm()
  await asOwner('deleteSpace', { id: space })
  expect(await sees(key.secret)).toEqual(nothing)
  expect(await view(world, granted.secret)).toEqual({
    permissions: [],
    allSpaces: false,
    spaces: {},
  })
  const { data } = await world.gql(granted.secret, 'query ($id: ID!) { space(id: $id) { id } }', {
    id: other,
  })
  expect(data.space).toBeNull()
  // A new space of the same name is another one.
  await seed(world, workspace.secret).space({ name: 'Lab' })
  expect(await view(world, granted.secret)).toMatchObject({ spaces: {} })
})

test('narrowing a scope narrows every key linked to it', async () => {
  const make = seed(world, workspace.secret)
  const scopeId = await make.scope({ name: name(), permissions: ['spaces:read', 'agents:*'] })
  const linked = await make.key({
    name: name(),
    scopeIds: [scopeId],
    spaces: [{ spaceId: space }],
  })
  const held = async () => ((await view(world, linked.secret)) as View).spaces[space]
  expect(await held()).toContain('agents:delete')
  await asOwner('updateScope', { id: scopeId, permissions: ['spaces:read', 'agents:read'] })
  expect(await held()).toEqual(['spaces:read', 'agents:read'])
  await asOwner('updateScope', { id: scopeId, permissions: [] })
  expect(await held()).toEqual([])
})

test('narrowing the key itself counts at its next request', async () => {
  await warm()
  await asOwner('updateApiKey', { id: key.id, permissions: ['spaces:read', 'agents:read'] })
  expect(await sees(key.secret)).toMatchObject({ may: ['spaces:read', 'agents:read'] })
  await asOwner('disableApiKey', { id: key.id })
  expect(await sees(key.secret)).toBe('DISABLED')
})

// A key older than the policy allows is refused from the moment the policy stands.
test('a lifetime policy ends older keys at once', async () => {
  await warm()
  await world.deps.prisma.apiKey.updateMany({
    where: { id: key.id },
    data: { createdAt: new Date(Date.now() - 3 * 86_400_000) },
  })
  await asOwner('updateWorkspace', { maxKeyLifetimeDays: 2 })
  expect(await sees(key.secret)).toBe('EXPIRED')
  const late = { id: key.id, expiresAt: new Date(Date.now() + 9 * 86_400_000).toISOString() }
  expect(await outcome(world, workspace.secret, 'updateApiKey', late)).toEqual([
    'WRONG_STATE input.id',
  ])
})

// Removal is complete and final: coming back gives a new membership, and no old key.
test('removing a member ends their keys for good, also when they return', async () => {
  await warm()
  const { email } = await world.deps.prisma.member.findFirstOrThrow({
    where: { userId: bob.userId },
  })
  const removed = await done(world, workspace.secret, 'removeMember', 'revokedKeyCount', {
    id: bob.memberId,
  })
  expect(removed.revokedKeyCount).toBe(1)
  expect(await sees(key.secret)).toBe('OWNER_REMOVED')
  await asOwner('addMember', { email, role: 'ADMIN' })
  expect(await sees(key.secret)).toBe('OWNER_REMOVED')
  for (const mutation of ['enableApiKey', 'updateApiKey', 'rotateApiKey'])
    expect([mutation, await outcome(world, workspace.secret, mutation, { id: key.id })]).toEqual([
      mutation,
      ['WRONG_STATE input.id'],
    ])
  await asOwner('revokeApiKey', { id: key.id })
  expect(await sees(key.secret)).toBe('OWNER_REMOVED')
})

test('a removed machine user takes its keys along, and nobody gives it new ones', async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const its = await make.key({ name: name(), ownerId: robot.userId, permissions: ['*'] })
  expect(await view(world, its.secret)).not.toBe('OWNER_REMOVED')
  await asOwner('removeMember', { id: robot.id })
  expect(await view(world, its.secret)).toBe('OWNER_REMOVED')
  const input = { name: name(), ownerId: robot.userId }
  expect(await outcome(world, workspace.secret, 'createApiKey', input)).toEqual([
    'NOT_FOUND input.ownerId',
  ])
  const transfer = { id: key.id, ownerId: robot.userId }
  expect(await outcome(world, workspace.secret, 'transferApiKey', transfer)).toEqual([
    'NOT_FOUND input.ownerId',
  ])
})

// A key is not its owner: a stolen one must not take the membership and all other keys with it.
test('nobody leaves by a key without the permission to remove members', async () => {
  const bare = await humanKey(world, workspace, bob, {})
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'MEMBER' })
  const its = await make.key({ name: name(), ownerId: robot.userId })
  const leave = (secret: string, id: string) => outcome(world, secret, 'removeMember', { id })
  for (const id of [workspace.ownerMemberId, bob.memberId, robot.id])
    for (const secret of [bare.secret, its.secret])
      expect(await leave(secret, id)).toEqual(['FORBIDDEN members:delete'])
  expect(await sees(key.secret)).toEqual(everything())
  const other = await make.machine({ name: 'Other', role: 'ADMIN' })
  const permissions = ['members:read', 'members:delete']
  const able = await make.key({ name: name(), ownerId: other.userId, permissions })
  expect(await leave(able.secret, other.id)).toEqual(['done'])
  expect(await view(world, able.secret)).toBe('OWNER_REMOVED')
})
