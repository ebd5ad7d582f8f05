import { beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace
let spaces: { a: string; b: string }

let count = 0
const name = (): string => `Name ${++count}`
const absent = `spc_${'0'.repeat(26)}`
const read = ['spaces:read', 'spaces:update']
/** All that a MEMBER can do in a space, and what letting one in takes besides. */
const members = [...read, 'agents:read', 'agents:run', 'sessions:*', 'documents:*']
const builders = [...members, 'agents:*']

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  const { space } = seed(world, workspace.secret)
  spaces = { a: await space({ name: 'A' }), b: await space({ name: 'B' }) }
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
/** Whoever lets a member in may read members. */
const inA = (permissions: string[]) =>
  make({ permissions: [...permissions, 'members:read'], spaces: [{ spaceId: spaces.a }] })
const inBoth = (permissions: string[], narrowing: string[]) =>
  make({
    permissions: [...permissions, 'members:read'],
    spaces: [{ spaceId: spaces.a }, { spaceId: spaces.b, permissions: narrowing }],
  })

// Letting somebody in gives them, there, all that their role can do.
test('a member is let into a space only by who can do there what their role can', async () => {
  const callers = {
    reading: (await inA(read)).secret,
    members: (await inA(members)).secret,
    builders: (await inA(builders)).secret,
    everything: (await inA(['*'])).secret,
  }
  const may: Record<string, readonly string[]> = {
    MEMBER: ['members', 'builders', 'everything'],
    BUILDER: ['builders', 'everything'],
    ADMIN: ['everything'],
  }
  for (const [role, allowed] of Object.entries(may)) {
    const { memberId } = await addHuman(world, workspace, role)
    for (const [who, secret] of Object.entries(callers)) {
      const input = { spaceId: spaces.a, memberId }
      expect([role, who, await outcome(world, secret, 'addSpaceMember', input)]).toEqual([
        role,
        who,
        allowed.includes(who) ? ['done'] : ['PERMISSION_NOT_GRANTABLE input.memberId'],
      ])
    }
  }
})

// Being strong in one space is nothing in another; what is out of reach is not there.
test('letting in and taking out ask for spaces:update in that very space', async () => {
  const { memberId } = await addHuman(world, workspace, 'MEMBER')
  const elsewhere = await inBoth(builders, ['spaces:read', 'agents:read'])
  const blind = await inBoth(builders, [])
  const away = await inA(builders)
  const other = await world.createWorkspace()
  const foreign = await seed(world, other.secret).space({ name: 'Foreign' })
  for (const mutation of ['addSpaceMember', 'removeSpaceMember']) {
    const run = (secret: string, spaceId: string, id = memberId) =>
      outcome(world, secret, mutation, { spaceId, memberId: id })
    expect(await run(elsewhere.secret, spaces.b)).toEqual(['FORBIDDEN spaces:update'])
    for (const secret of [away.secret, blind.secret])
      expect(await run(secret, spaces.b)).toEqual(['NOT_FOUND input.spaceId'])
    for (const spaceId of [foreign, absent, spaces.a.toUpperCase(), ''])
      expect(await run(workspace.secret, spaceId)).toEqual(['NOT_FOUND input.spaceId'])
    for (const id of [other.ownerMemberId, `mem_${'0'.repeat(26)}`, workspace.ownerId, ''])
      expect(await run(away.secret, spaces.a, id)).toEqual(['NOT_FOUND input.memberId'])
  }
})

// Opening a space lets every member in at once.
test('a space is opened only by who can do there what its members gain', async () => {
  const open = { id: spaces.a, visibility: 'OPEN' }
  const refused = ['PERMISSION_NOT_GRANTABLE input.visibility']
  for (const permissions of [read, members])
    expect(await outcome(world, (await inA(permissions)).secret, 'updateSpace', open)).toEqual(
      refused,
    )
  const narrowed = await inBoth(builders, ['spaces:read', 'spaces:update'])
  expect(await outcome(world, narrowed.secret, 'updateSpace', { ...open, id: spaces.b })).toEqual(
    refused,
  )
  const { secret } = await inA(builders)
  expect(await outcome(world, secret, 'updateSpace', open)).toEqual(['done'])
  // Closing it, or renaming an open one, gives nobody anything.
  const reader = (await inA(read)).secret
  expect(await outcome(world, reader, 'updateSpace', { id: spaces.a, name: 'Aa' })).toEqual([
    'done',
  ])
  const close = { id: spaces.a, visibility: 'RESTRICTED' }
  expect(await outcome(world, reader, 'updateSpace', close)).toEqual(['done'])
  expect(await outcome(world, reader, 'updateSpace', { id: spaces.a, visibility: null })).toEqual([
    'INVALID input.visibility',
  ])
})

// A machine user is let in by the same rule, and asks for spaces:update there besides.
test('a machine user is made in spaces only by who could let it in', async () => {
  const workspaceWide = [
    'members:read',
    'members:create',
    'workspace:read',
    'scopes:read',
    'keys:*',
    'tokens:*',
  ]
  const robot = (secret: string, input: object) =>
    outcome(world, secret, 'createMachineUser', { name: name(), role: 'MEMBER', ...input })
  const caller = await make({
    permissions: [...workspaceWide, ...members],
    spaces: [
      { spaceId: spaces.a },
      { spaceId: spaces.b, permissions: members.filter((it) => it !== 'spaces:update') },
    ],
  })
  const weak = await make({
    permissions: [...workspaceWide, ...members],
    spaces: [{ spaceId: spaces.a, permissions: read }],
  })
  expect(await robot(caller.secret, { spaceIds: [spaces.a] })).toEqual(['done'])
  expect(await robot(caller.secret, { spaceIds: [spaces.a, spaces.b] })).toEqual([
    'FORBIDDEN spaces:update',
  ])
  expect(await robot(weak.secret, { spaceIds: [spaces.a] })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.spaceIds.0',
  ])
  expect(await robot(weak.secret, { spaceIds: [spaces.a, spaces.b, absent] })).toEqual([
    'NOT_FOUND input.spaceIds.1',
    'NOT_FOUND input.spaceIds.2',
  ])
  expect(await robot(caller.secret, { spaceIds: [spaces.a, spaces.a] })).toEqual([
    'INVALID input.spaceIds.1',
  ])
  expect(await robot(caller.secret, { spaceIds: [] })).toEqual(['done'])
  expect(await robot(weak.secret, { spaceIds: null })).toEqual(['done'])
})

// New spaces change what everyone with all spaces reaches: so only they make them.
test('a space is made only by who has all spaces, and belongs to nobody else at first', async () => {
  const listed = await inBoth(['spaces:read', 'spaces:create'], ['spaces:read'])
  expect(await outcome(world, listed.secret, 'createSpace', { name: name() })).toEqual([
    'FORBIDDEN ',
  ])
  const bob = await addHuman(world, workspace, 'BUILDER')
  const key = await humanKey(world, workspace, bob, { permissions: ['*'], allSpaces: true })
  await seed(world, workspace.secret).space({ name: 'New' })
  expect(await view(world, key.secret)).toMatchObject({ spaces: {} })
})

// The name of a space that is out of reach is told to nobody.
test('a name taken out of sight is only another name to choose', async () => {
  const caller = await inA(builders)
  const rename = (to: string) =>
    outcome(world, caller.secret, 'updateSpace', { id: spaces.a, name: to })
  expect(await rename('b')).toEqual(['INVALID input.name'])
  expect(await rename(' a ')).toEqual(['done'])
  expect(await outcome(world, workspace.secret, 'createSpace', { name: 'B' })).toEqual([
    'NAME_TAKEN input.name',
  ])
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaces.b })
  expect(await rename('B')).toEqual(['done'])
})

// Who may delete here may not delete there.
test('a space is deleted only where spaces:delete is held', async () => {
  const caller = await inBoth(['spaces:read', 'spaces:delete'], ['spaces:read'])
  const away = await inA(['spaces:read', 'spaces:delete'])
  const remove = (secret: string, id: string) => outcome(world, secret, 'deleteSpace', { id })
  expect(await remove(caller.secret, spaces.b)).toEqual(['FORBIDDEN spaces:delete'])
  expect(await remove(away.secret, spaces.b)).toEqual(['NOT_FOUND input.id'])
  expect(await remove(caller.secret, spaces.a)).toEqual(['done'])
  expect(await remove(workspace.secret, spaces.a)).toEqual(['NOT_FOUND input.id'])
})

test('repeating what is done changes and records nothing', async () => {
  const { memberId } = await addHuman(world, workspace, 'MEMBER')
  const input = { spaceId: spaces.a, memberId }
  const head = async () =>
    (await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } }))
      .auditSequence
  for (const mutation of ['addSpaceMember', 'removeSpaceMember']) {
    await done(world, workspace.secret, mutation, 'space { id }', input)
    const before = await head()
    await done(world, workspace.secret, mutation, 'space { id }', input)
    expect(await head()).toBe(before)
  }
})
