import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, join, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { mint } from '../access-token/ask.ts'
import { attempt, verdict } from '../api-key/ask.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let robot: string

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
})
afterAll(() => signIn.close())

beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
})

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'keys:read', 'keys:create', 'keys:update']
const keyBy = (secret: string, input: object = {}) =>
  seed(world, secret).key({ name: name(), permissions: manages, ...input })

const rotate = async (id: string, secret: string): Promise<string> => {
  const input = { id, overlapSeconds: 0 }
  return (await done(world, secret, 'rotateApiKey', 'secret', input)).secret
}

/** A person who leaves, and by sign-in, by a key of their own and by what these made has made others. */
async function leaver(role = 'ADMIN') {
  const sub = `person-${++count}`
  const id = await signIn.invite(workspace, sub, role)
  const token = await signIn.person(sub)
  expect(await whoIs(world, token)).toMatchObject({ role })
  return { id, token }
}

async function furnished() {
  const { id, token } = await leaver()
  const own = await keyBy(token)
  const signedIn = await keyBy(token, { ownerId: robot })
  const byKey = await keyBy(own.secret, { ownerId: robot })
  const taken = await make.key({
    name: name(),
    ownerId: robot,
    permissions: ['agents:read'],
    spaces: [],
  })
  const takenSecret = await rotate(taken.id, token)
  const further = await keyBy(byKey.secret, { ownerId: robot })
  const minted = await mint(world, further.secret)
  const others = [
    await make.key({ name: name(), ownerId: robot, permissions: manages }),
    await make.key({ name: name() }),
  ]
  const created = [signedIn.secret, byKey.secret, takenSecret, further.secret]
  return { id, token, own: own.secret, created, minted: minted.token, others }
}

const verdicts = (secrets: readonly string[]) =>
  Promise.all(secrets.map((secret) => verdict(world, secret)))

const revocations = () =>
  world.deps.prisma.auditEvent.count({
    where: { workspaceId: workspace.id, action: 'api_key.revoked' },
  })

test('removeMember: leaves the machine users’ keys that the member made or was given', async () => {
  const { id, own, created } = await furnished()
  const { revokedKeyCount } = await done(
    world,
    workspace.secret,
    'removeMember',
    'revokedKeyCount',
    { id },
  )
  expect(revokedKeyCount).toBe(1)
  expect(await verdict(world, own)).toBe('401 OWNER_REMOVED')
  expect(await verdicts(created)).toEqual(created.map(() => 'ACCEPTED'))
})

// A person who has left knows their secrets.
test('removeMember(revokeCreated): takes them, and what they made or were given, each with its event', async () => {
  const { id, own, created, minted, others } = await furnished()
  const before = await revocations()
  const { revokedKeyCount } = await done(
    world,
    workspace.secret,
    'removeMember',
    'revokedKeyCount',
    { id, revokeCreated: true },
  )
  expect(revokedKeyCount).toBe(5)
  expect(await verdict(world, own)).toBe('401 OWNER_REMOVED')
  expect(await verdicts(created)).toEqual(created.map(() => '401 REVOKED'))
  expect((await world.gql(minted, '{ viewer { kind } }')).status).toBe(401)
  expect(await verdicts(others.map(({ secret }) => secret))).toEqual(['ACCEPTED', 'ACCEPTED'])
  expect(await revocations()).toBe(before + 4)
  const { revokedById, revocationReason } = await world.deps.prisma.apiKey.findFirstOrThrow({
    where: { workspaceId: workspace.id, ownerId: robot, revokedAt: { not: null } },
  })
  expect([revokedById, revocationReason]).toEqual([workspace.ownerId, 'maker removed'])
})

test('removeMember(revokeCreated): leaves a key that was given to somebody else since, and ends the secret before', async () => {
  const { id, token } = await leaver()
  const key = await make.key({
    name: name(),
    ownerId: robot,
    permissions: ['agents:read'],
    spaces: [],
  })
  const given = await rotate(key.id, token)
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id: key.id,
    expectedRotatedAt: rotatedAt?.toISOString(),
  })
  expect(await verdict(world, given)).toBe('ACCEPTED')
  await done(world, workspace.secret, 'removeMember', '__typename', { id, revokeCreated: true })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await verdict(world, given)).toBe('401 ROTATED')
})

test('removeMember(revokeCreated): an OWNER’s key is revoked with members:own alone', async () => {
  const { id } = await leaver()
  const { userId } = await world.deps.prisma.member.findFirstOrThrow({ where: { id } })
  const { secret } = await make.key({ name: name() })
  // No mutation makes a key for another person.
  await world.deps.prisma.apiKey.updateMany({
    where: { workspaceId: workspace.id, ownerId: workspace.ownerId },
    data: { createdById: userId },
  })
  const permissions = ['members:read', 'members:delete', 'keys:read', 'keys:delete']
  const remover = await make.key({ name: name(), ownerId: robot, permissions, allSpaces: true })
  expect(await outcome(world, remover.secret, 'removeMember', { id, revokeCreated: true })).toEqual(
    ['FORBIDDEN members:own'],
  )
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// One lock decides: what they make first is taken, what comes later is refused.
test('removeMember(revokeCreated): racing with what the member makes, nothing of it works on', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { id, token } = await leaver()
    const own = await keyBy(token)
    const [removal, ...made] = await Promise.all([
      outcome(world, workspace.secret, 'removeMember', { id, revokeCreated: true }),
      ...Array.from({ length: 5 }, () =>
        attempt(world, own.secret, 'createApiKey', { name: name(), ownerId: robot }, 'secret'),
      ),
    ])
    expect(removal).toEqual(['done'])
    for (const { codes, payload } of made)
      if (codes.length === 0) expect(await verdict(world, payload.secret)).toBe('401 REVOKED')
      else expect(codes).toEqual(['OWNER_REMOVED'])
  }
})

test('removeMember(revokeCreated): takes the rights that each revocation takes, all or nothing', async () => {
  const { id, token, own, created } = await furnished()
  const permissions = ['members:read', 'members:delete', 'keys:read']
  const remover = await make.key({ name: name(), permissions, allSpaces: true })
  const remove = (secret: string, input: object = {}) =>
    outcome(world, secret, 'removeMember', { id, revokeCreated: true, ...input })
  expect(await remove(remover.secret)).toEqual(['FORBIDDEN keys:delete'])
  expect(await verdicts([own, ...created])).toEqual(Array(5).fill('ACCEPTED'))
  expect(await whoIs(world, token)).toMatchObject({ role: 'ADMIN' })
  // Who leaves by their own sign-in asks for no more, and may not do more.
  await done(world, workspace.secret, 'updateMember', '__typename', { id, role: 'BUILDER' })
  expect(await remove(token)).toEqual(['FORBIDDEN keys:delete'])
  expect(await whoIs(world, token)).toMatchObject({ role: 'BUILDER' })
  expect(await remove(token, { revokeCreated: false })).toEqual(['done'])
  // Also where there is nothing to revoke: who may ask does not depend on what others made.
  const other = await leaver()
  expect(await remove(remover.secret, { id: other.id })).toEqual(['FORBIDDEN keys:delete'])
})

test('removeMember(revokeCreated): twice at once, each key is revoked once', async () => {
  const { id, own, created } = await furnished()
  const before = await revocations()
  const remove = () => outcome(world, workspace.secret, 'removeMember', { id, revokeCreated: true })
  const outcomes = await Promise.all([remove(), remove()])
  expect(outcomes.sort()).toEqual([['NOT_FOUND input.id'], ['done']])
  expect(await verdict(world, own)).toBe('401 OWNER_REMOVED')
  expect(await verdicts(created)).toEqual(created.map(() => '401 REVOKED'))
  expect(await revocations()).toBe(before + created.length)
})

test('removeMember(revokeCreated): takes what a member made before they were demoted', async () => {
  const { id, created } = await furnished()
  await done(world, workspace.secret, 'updateMember', '__typename', { id, role: 'MEMBER' })
  expect(await verdicts(created)).toEqual(created.map(() => 'ACCEPTED'))
  await done(world, workspace.secret, 'removeMember', '__typename', { id, revokeCreated: true })
  expect(await verdicts(created)).toEqual(created.map(() => '401 REVOKED'))
})

test('removeMember(revokeCreated): racing with the demotion of who removes, it is all or nothing', async () => {
  for (let round = 0; round < 3; round += 1) {
    const [leaving, remover] = [await furnished(), await leaver()]
    const [removal] = await Promise.all([
      outcome(world, remover.token, 'removeMember', { id: leaving.id, revokeCreated: true }),
      done(world, workspace.secret, 'updateMember', '__typename', {
        id: remover.id,
        role: 'MEMBER',
      }),
    ])
    const isDone = removal[0] === 'done'
    if (!isDone) expect(removal).toEqual(['FORBIDDEN members:delete'])
    expect(await verdicts(leaving.created)).toEqual(
      leaving.created.map(() => (isDone ? '401 REVOKED' : 'ACCEPTED')),
    )
  }
})

// So the removal ends the member's own keys, too, wherever they work: what is left would be theirs.
test('removeMember(revokeCreated): by a remover in one of two spaces, takes keys of the other, too', async () => {
  const { id, token } = await leaver()
  const [here, there] = [await make.space({ name: 'here' }), await make.space({ name: 'there' })]
  const made: { id: string; secret: string }[] = []
  for (const spaceId of [here, there]) {
    const input = { ownerId: robot, permissions: ['agents:read'], spaces: [{ spaceId }] }
    made.push(await keyBy(token, input))
  }
  const permissions = ['members:read', 'members:delete', 'keys:read', 'keys:delete']
  const remover = await make.key({ name: name(), permissions, spaces: [{ spaceId: here }] })
  const hidden = { id: made[1]?.id }
  expect(await outcome(world, remover.secret, 'revokeApiKey', hidden)).toEqual([
    'NOT_FOUND input.id',
  ])
  expect(await outcome(world, remover.secret, 'removeMember', { id, revokeCreated: true })).toEqual(
    ['done'],
  )
  expect(await verdicts(made.map(({ secret }) => secret))).toEqual(['401 REVOKED', '401 REVOKED'])
})

test('removeMember(revokeCreated): takes nothing in another workspace', async () => {
  const { id, token } = await leaver()
  const own = await keyBy(token)
  const other = await world.createWorkspace()
  const { userId } = await seed(world, other.secret).machine({ name: 'Robot', role: 'ADMIN' })
  await signIn.invite(other, `person-${count - 1}`, 'ADMIN')
  await join(world, token, [other])
  const { data } = await world.gql(
    token,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
    { input: { name: name(), ownerId: userId, permissions: ['keys:read'] } },
    { headers: { 'x-workspace-id': other.id } },
  )
  await done(world, workspace.secret, 'removeMember', '__typename', { id, revokeCreated: true })
  expect(await verdicts([own.secret, data.createApiKey.secret])).toEqual([
    '401 OWNER_REMOVED',
    'ACCEPTED',
  ])
})
