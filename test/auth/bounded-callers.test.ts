import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mint } from '../modules/access-token/ask.ts'
import { directly } from '../modules/api-key/ask.ts'
import { importKeys, importOne, legacyKey } from '../modules/legacy/ask.ts'
import { addHuman } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import type { TestWorkspace, World } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld } from '../sign-in/sign-in-world.ts'

const address = '10.1.2.3'
const everything = { permissions: ['*'], allSpaces: true }
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString()

let signIn: SignInWorld
/** Every request comes from the one address. */
let world: World
let workspace: TestWorkspace
let spaces: Record<'closed' | 'open', string>

let count = 0
const name = (): string => `Name ${++count}`

beforeAll(async () => {
  signIn = await createSignInWorld()
  const { world: its } = signIn
  world = {
    ...its,
    gql: (secret, query, variables) => its.gql(secret, query, variables, { address }),
  }
  workspace = await world.createWorkspace()
  const { space } = seed(world, workspace.secret)
  const open = await space({ name: 'Open', visibility: 'OPEN' })
  spaces = { closed: await space({ name: 'Closed' }), open }
})
afterAll(() => signIn.close())

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })

/** Credentials that end by themselves, or work from some addresses or at some rate only. */
const bounded: Record<string, () => Promise<string>> = {
  'a key with an expiry': async () => (await make({ ...everything, expiresAt: inDays(1) })).secret,
  'a key with an address rule': async () =>
    (await make({ ...everything, allowedIps: ['10.0.0.0/8'] })).secret,
  'a key with a limit of its own': async () =>
    (await make({ ...everything, requestsPerMinute: 50_000 })).secret,
  'an access token': async () => (await mint(world, (await make(everything)).secret)).token,
  'a secret that a rotation has replaced': async () => {
    const { id, secret } = await make(everything)
    await done(world, workspace.secret, 'rotateApiKey', 'apiKey { id }', { id })
    return secret
  },
  'a legacy key before its sunset': async () => {
    const key = legacyKey(workspace.ownerId, everything)
    const { secret } = await importOne(world, workspace.secret, key)
    const legacyKeySunsetAt = inDays(30)
    await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', {
      legacyKeySunsetAt,
    })
    return secret
  },
}

/** What gives people rights that last, each with the path of its refusal. */
const givesRights: [string, () => Promise<object>, string][] = [
  ['addMember', async () => ({ email: `m${++count}@example.com`, role: 'MEMBER' }), 'role'],
  [
    'updateMember',
    async () => ({ id: (await addHuman(world, workspace, 'MEMBER')).memberId, role: 'BUILDER' }),
    'role',
  ],
  [
    'updateMember',
    async () => {
      const robot = { name: name(), role: 'BUILDER' }
      return { id: (await seed(world, workspace.secret).machine(robot)).id, role: 'ADMIN' }
    },
    'role',
  ],
  [
    'addSpaceMember',
    async () => {
      const { memberId } = await addHuman(world, workspace, 'MEMBER')
      return { spaceId: spaces.closed, memberId }
    },
    'memberId',
  ],
  [
    'updateSpace',
    async () => ({
      id: await seed(world, workspace.secret).space({ name: name() }),
      visibility: 'OPEN',
    }),
    'visibility',
  ],
  ['createSpace', async () => ({ name: name(), visibility: 'OPEN' }), 'visibility'],
]

const ask = async (secret: string, mutation: string, input: object) =>
  outcome(world, secret, mutation, { ...input })

describe.each(Object.entries(bounded))('%s', (_, credential) => {
  let secret: string
  beforeAll(async () => {
    secret = await credential()
  })

  test.each(givesRights)(
    '%s: refused, for what it gives would last',
    async (mutation, input, field) => {
      expect(await ask(secret, mutation, await input())).toEqual([
        `PERMISSION_NOT_GRANTABLE input.${field}`,
      ])
    },
  )

  test('whatever takes away, or gives nobody rights, is as before', async () => {
    const bob = await addHuman(world, workspace, 'BUILDER')
    const inClosed = { spaceId: spaces.closed, memberId: bob.memberId }
    await done(world, workspace.secret, 'addSpaceMember', 'space { id }', inClosed)
    const space = await seed(world, secret).space({ name: name() })
    const steps: [string, object][] = [
      ['createMachineUser', { name: name(), role: 'ADMIN', spaceIds: [spaces.closed] }],
      ['updateMember', { id: bob.memberId, name: 'Bob' }],
      ['updateMember', { id: bob.memberId, role: 'MEMBER' }],
      ['removeSpaceMember', inClosed],
      ['updateSpace', { id: space, name: name() }],
      ['updateSpace', { id: spaces.open, visibility: 'RESTRICTED' }],
      ['removeMember', { id: bob.memberId }],
    ]
    for (const [mutation, input] of steps)
      expect([mutation, input, await ask(secret, mutation, input)]).toEqual([
        mutation,
        input,
        ['done'],
      ])
    const open = { id: spaces.open, visibility: 'OPEN' }
    await done(world, workspace.secret, 'updateSpace', 'space { id }', open)
  })
})

const giveRights = async (secret: string): Promise<unknown[]> => {
  const results = []
  for (const [mutation, input] of givesRights)
    results.push([mutation, ...(await ask(secret, mutation, await input()))])
  return results
}
const allDone = givesRights.map(([mutation]) => [mutation, 'done'])

test('an unbounded key gives rights, also under a lifetime policy', async () => {
  const { secret } = await make(everything)
  expect(await giveRights(secret)).toEqual(allDone)
  const policy = { maxKeyLifetimeDays: 90 }
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', policy)
  expect(await giveRights(secret)).toEqual(allDone)
  const none = { maxKeyLifetimeDays: null }
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', none)
})

test('a sign-in gives rights, though it ends by itself', async () => {
  await signIn.invite(workspace, 'ann', 'OWNER')
  expect(await giveRights(await signIn.person('ann'))).toEqual(allDone)
})

test('a key with a list of spaces adds to those spaces, and nobody to the workspace', async () => {
  const other = await world.createWorkspace()
  const own = seed(world, other.secret)
  const open = await own.space({ name: 'Open', visibility: 'OPEN' })
  const closed = await own.space({ name: 'Closed' })
  const listed = [open, closed].map((spaceId) => ({ spaceId }))
  const { secret } = await own.key({ name: name(), permissions: ['*'], spaces: listed })
  const { memberId } = await addHuman(world, other, 'MEMBER')
  const member = { email: `l${++count}@example.com`, role: 'MEMBER' }
  const refused = ['PERMISSION_NOT_GRANTABLE input.role']
  expect(await ask(secret, 'addMember', member)).toEqual(refused)
  expect(await ask(secret, 'updateMember', { id: memberId, role: 'BUILDER' })).toEqual(refused)
  const inClosed = { spaceId: closed, memberId }
  expect(await ask(secret, 'addSpaceMember', inClosed)).toEqual(['done'])
  expect(await ask(secret, 'updateSpace', { id: closed, visibility: 'OPEN' })).toEqual(['done'])
  const elsewhere = await own.space({ name: name() })
  expect(await ask(secret, 'addSpaceMember', { spaceId: elsewhere, memberId })).toEqual([
    'NOT_FOUND input.spaceId',
  ])
  const robot = { name: name(), role: 'MEMBER', spaceIds: [closed] }
  expect(await ask(secret, 'createMachineUser', robot)).toEqual(['done'])
})

// The road as it was walked: a key of a minute enters a person, who makes a key that lasts.
test('addMember: a removed member is not entered again by a bounded key', async () => {
  const { secret } = await make({ ...everything, expiresAt: inDays(1), requestsPerMinute: 100 })
  const { memberId, userId } = await addHuman(world, workspace, 'ADMIN')
  const { email } = await world.deps.prisma.member.findFirstOrThrow({ where: { userId } })
  expect(await ask(secret, 'removeMember', { id: memberId })).toEqual(['done'])
  expect(await ask(secret, 'addMember', { email, role: 'ADMIN' })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.role',
  ])
})

test('a key that is bounded meanwhile gives nothing more', async () => {
  const { id, secret } = await make(everything)
  const member = () => ({ email: `n${++count}@example.com`, role: 'MEMBER' })
  expect(await ask(secret, 'addMember', member())).toEqual(['done'])
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id }, data: { requestsPerMinute: 1_000 } }),
  )
  expect(await ask(secret, 'addMember', member())).toEqual(['PERMISSION_NOT_GRANTABLE input.role'])
})

// The other roads from a bounded credential to a key without its bounds.
test('a bounded key enables, transfers, imports and widens no unbounded key', async () => {
  const { secret } = await make({ ...everything, requestsPerMinute: 1_000 })
  const owners = seed(world, workspace.secret)
  const robots = [
    await owners.machine({ name: name(), role: 'ADMIN' }),
    await owners.machine({ name: name(), role: 'ADMIN' }),
  ]
  const ownerId = robots[0]?.userId ?? ''
  const permissions = ['spaces:read', 'agents:read']
  const scopeId = await owners.scope({ name: name(), permissions: ['spaces:read'] })
  const { id } = await make({ ownerId, scopeIds: [scopeId], allSpaces: true })
  const refused = ['INVALID input.id']
  expect(await ask(secret, 'rotateApiKey', { id })).toEqual(refused)
  expect(await ask(secret, 'transferApiKey', { id, ownerId: robots[1]?.userId })).toEqual(refused)
  expect(await ask(secret, 'disableApiKey', { id })).toEqual(['done'])
  expect(await ask(secret, 'enableApiKey', { id })).toEqual(refused)
  expect(await ask(secret, 'updateApiKey', { id, permissions })).toEqual([
    'INVALID input.requestsPerMinute',
  ])
  expect(await ask(secret, 'updateScope', { id: scopeId, permissions })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions',
  ])
  const legacy = legacyKey(ownerId, { permissions })
  expect(await importKeys(world, secret, [legacy])).toMatchObject({ errors: ['INVALID'], keys: [] })
})
