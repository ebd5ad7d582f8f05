import { beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { type View, view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace
let spaces: { open: string; closed: string }

let count = 0
const name = (): string => `Name ${++count}`
const members = ['members:read', 'members:create', 'members:update']
/** All that a BUILDER can do, and what giving the role takes besides. */
const builders = [
  ...members,
  'workspace:read',
  'spaces:read',
  'spaces:update',
  'scopes:read',
  'agents:*',
  'sessions:*',
  'documents:*',
  'keys:read',
  'keys:create',
  'keys:update',
  'keys:delete',
  'keys:rotate',
  'tokens:*',
]

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  const { space } = seed(world, workspace.secret)
  spaces = {
    open: await space({ name: 'Open', visibility: 'OPEN' }),
    closed: await space({ name: 'Closed' }),
  }
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const refused = ['PERMISSION_NOT_GRANTABLE input.role']

// A role is given by who holds all of it; to a person only by who has all spaces besides, for it counts
// in every space that opens later.
test('nobody gives a role whose ceiling exceeds their own rights', async () => {
  const inOpen = [{ spaceId: spaces.open }]
  const callers: [string, 'all' | 'machines' | '', object][] = [
    ['holds it in the open space', 'machines', { permissions: builders, spaces: inOpen }],
    ['holds it everywhere', 'all', { permissions: builders, allSpaces: true }],
    ['reaches no open space', '', { permissions: builders, spaces: [{ spaceId: spaces.closed }] }],
    ['reaches nothing', '', { permissions: builders }],
    [
      'holds less in the open space',
      '',
      { permissions: builders, spaces: [{ spaceId: spaces.open, permissions: ['spaces:read'] }] },
    ],
    [
      'lacks one workspace permission',
      '',
      { permissions: builders.filter((it) => it !== 'keys:delete'), allSpaces: true },
    ],
    [
      'lacks one per-space permission',
      '',
      {
        permissions: builders.map((it) => (it === 'agents:*' ? 'agents:read' : it)),
        allSpaces: true,
      },
    ],
    ['holds only members', '', { permissions: members, allSpaces: true }],
  ]
  for (const [who, expected, input] of callers) {
    const { secret } = await make(input)
    const target = await addHuman(world, workspace, 'MEMBER')
    const doors: [string, object][] = [
      ['addMember', { email: `m${++count}@example.com`, role: 'BUILDER' }],
      ['createMachineUser', { name: name(), role: 'BUILDER' }],
      ['updateMember', { id: target.memberId, role: 'BUILDER' }],
    ]
    for (const [door, given] of doors) {
      const isDone = expected === 'all' || (expected === 'machines' && door === 'createMachineUser')
      expect([who, door, await outcome(world, secret, door, { ...given })]).toEqual([
        who,
        door,
        isDone ? ['done'] : refused,
      ])
    }
  }
})

// OWNER and ADMIN reach every space, so only who has all spaces gives them.
test('the roles with all spaces are given only by who has all spaces', async () => {
  const listed = Object.values(spaces).map((spaceId) => ({ spaceId }))
  const list = await make({ permissions: ['*'], spaces: listed })
  const all = await make({ permissions: ['*'], allSpaces: true })
  for (const role of ['ADMIN', 'OWNER']) {
    const person = { email: `r${++count}@example.com`, role }
    expect(await outcome(world, list.secret, 'addMember', person)).toEqual(refused)
    expect(await outcome(world, all.secret, 'addMember', person)).toEqual(['done'])
  }
})

// A promotion reaches into every space that the member was let into, open or not, now or later.
test('updateMember: a promotion asks for all spaces, a demotion does not', async () => {
  const bob = await addHuman(world, workspace, 'MEMBER')
  await done(world, workspace.secret, 'addSpaceMember', 'space { id }', {
    spaceId: spaces.closed,
    memberId: bob.memberId,
  })
  const key = await humanKey(world, workspace, bob, { permissions: ['*'], allSpaces: true })
  const held = async () => ((await view(world, key.secret)) as View).spaces[spaces.closed]
  const elsewhere = await make({ permissions: builders, spaces: [{ spaceId: spaces.open }] })
  const both = Object.values(spaces).map((spaceId) => ({ spaceId }))
  const there = await make({ permissions: builders, spaces: both })
  const promote = { id: bob.memberId, role: 'BUILDER' }
  for (const { secret } of [elsewhere, there])
    expect(await outcome(world, secret, 'updateMember', promote)).toEqual(refused)
  expect(await held()).not.toContain('agents:delete')
  const everywhere = await make({ permissions: builders, allSpaces: true })
  expect(await outcome(world, everywhere.secret, 'updateMember', promote)).toEqual(['done'])
  expect(await held()).toContain('agents:delete')
  const demote = { id: bob.memberId, role: 'MEMBER' }
  expect(await outcome(world, elsewhere.secret, 'updateMember', demote)).toEqual(['done'])
})

// Nobody promotes themselves past what their own key holds.
test('a member key with members:update does not raise its owner', async () => {
  const ann = await addHuman(world, workspace, 'ADMIN')
  const weak = await humanKey(world, workspace, ann, { permissions: members, allSpaces: true })
  const self = { id: ann.memberId, role: 'OWNER' }
  expect(await outcome(world, weak.secret, 'updateMember', self)).toEqual(refused)
})

test('a member that is not there is not found', async () => {
  const other = await world.createWorkspace()
  const gone = await addHuman(world, workspace, 'MEMBER')
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: gone.memberId })
  const ids = [other.ownerMemberId, gone.memberId, `mem_${'0'.repeat(26)}`, workspace.ownerId, '']
  for (const id of ids)
    for (const [mutation, input] of [
      ['updateMember', { id, role: 'MEMBER' }],
      ['updateMember', { id, name: 'x' }],
      ['removeMember', { id }],
    ] as const)
      expect(await outcome(world, workspace.secret, mutation, input)).toEqual([
        'NOT_FOUND input.id',
      ])
})

test('role and name cannot be nulled', async () => {
  const bob = await addHuman(world, workspace, 'MEMBER')
  for (const field of ['role', 'name'])
    expect(
      await outcome(world, workspace.secret, 'updateMember', { id: bob.memberId, [field]: null }),
    ).toEqual([`INVALID input.${field}`])
})
