import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, directly, verdict } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (
  input: object = {},
  secret = workspace.secret,
): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, secret).key({ name: `key ${count}`, ...input })
}

const selection = 'revokedCount apiKey { id status revokedAt revocationReason revokedBy { name } }'
const revoke = (id: string, input: object = {}, secret = workspace.secret): Promise<any> =>
  done(world, secret, 'revokeApiKey', selection, { id, ...input })

const stored = (id: string): Promise<any> =>
  world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })

/** The epoch and the number of events: what every change raises. */
const marks = async (id = workspace.id): Promise<unknown> =>
  world.deps.prisma.workspace.findUniqueOrThrow({
    where: { id },
    select: { epoch: true, auditSequence: true },
  })

const keyMaker = { permissions: ['keys:read', 'keys:create'], allSpaces: true }

// Whoever revokes a key after a leak relies on its being dead when they are answered.
test('a revoked key is refused from the next request on, with both its secrets', async () => {
  const key = await makeKey()
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
  for (const each of [key.secret, secret]) expect(await verdict(world, each)).toBe('ACCEPTED')
  const { revokedCount, apiKey } = await revoke(key.id, { reason: 'leaked' })
  expect(revokedCount).toBe(1)
  expect(apiKey).toMatchObject({
    id: key.id,
    status: 'REVOKED',
    revocationReason: 'leaked',
    revokedBy: { name: 'Olga Owner' },
  })
  for (const each of [key.secret, secret]) expect(await verdict(world, each)).toBe('401 REVOKED')
})

// The first time, actor and reason are evidence: nobody may write over them.
test('a second revocation changes nothing and leaves no trace', async () => {
  const key = await makeKey()
  const first = await revoke(key.id, { reason: 'the first' })
  const before = [await stored(key.id), await marks()]
  const other = await makeKey({
    permissions: ['keys:read', 'keys:delete', 'members:read'],
    allSpaces: true,
  })
  const marksBefore = await marks()
  const again = await revoke(key.id, { reason: 'the second' }, other.secret)
  expect(again.revokedCount).toBe(0)
  expect(await marks()).toEqual(marksBefore)
  expect([await stored(key.id)]).toEqual(before.slice(0, 1))
  expect(first.apiKey.revokedAt).toBe(before[0].revokedAt.toISOString())
})

// A leaked key may have made others: what comes of it goes with it.
test('includeCreated takes what the key made, and theirs, in one transaction', async () => {
  const root = await makeKey(keyMaker)
  const child = await makeKey(keyMaker, root.secret)
  const grandchild = await makeKey(keyMaker, child.secret)
  const greatGrandchild = await makeKey(keyMaker, grandchild.secret)
  const before = await makeKey({}, root.secret)
  const sibling = await makeKey(keyMaker)
  await revoke(before.id, { reason: 'before' })
  const family = [root, child, grandchild, greatGrandchild]
  for (const { secret } of family) expect(await verdict(world, secret)).toBe('ACCEPTED')

  const marksBefore: any = await marks()
  expect((await revoke(root.id, { includeCreated: true, reason: 'all' })).revokedCount).toBe(4)
  for (const { secret } of family) expect(await verdict(world, secret)).toBe('401 REVOKED')
  expect(await verdict(world, sibling.secret)).toBe('ACCEPTED')
  expect((await stored(before.id)).revocationReason).toBe('before')
  const rows = await Promise.all(family.map(({ id }) => stored(id)))
  expect(new Set(rows.map(({ revokedAt }) => revokedAt.getTime())).size).toBe(1)
  expect(await marks()).toEqual({
    epoch: marksBefore.epoch + 1n,
    auditSequence: marksBefore.auditSequence + 4n,
  })
})

// Without it the family stays; and a key that is dead already can still have its family taken.
test('a revocation without includeCreated leaves what the key made, until it is asked for', async () => {
  const root = await makeKey(keyMaker)
  const child = await makeKey({}, root.secret)
  expect((await revoke(root.id)).revokedCount).toBe(1)
  expect(await verdict(world, child.secret)).toBe('ACCEPTED')
  expect((await revoke(root.id, { includeCreated: true })).revokedCount).toBe(1)
  expect(await verdict(world, child.secret)).toBe('401 REVOKED')
})

// A client that knows it has leaked can end itself; ending others needs the permission to.
test('a key without any permission revokes itself and nothing else', async () => {
  const key = await makeKey({ permissions: [] })
  const other = await makeKey()
  const withFamily = { id: key.id, includeCreated: true }
  for (const input of [withFamily, { id: other.id }]) {
    const { codes } = await attempt(world, key.secret, 'revokeApiKey', input)
    expect(codes).toEqual(['FORBIDDEN'])
  }
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
  expect((await attempt(world, key.secret, 'revokeApiKey', { id: key.id })).codes).toEqual([])
  expect(await verdict(world, key.secret)).toBe('401 REVOKED')
})

test('a disabled key is refused from the next request on, and accepted again once it is enabled', async () => {
  const key = await makeKey()
  for (let round = 0; round < 3; round += 1) {
    expect(await verdict(world, key.secret)).toBe('ACCEPTED')
    const off = await done(world, workspace.secret, 'disableApiKey', 'apiKey { status }', {
      id: key.id,
    })
    expect(off.apiKey.status).toBe('DISABLED')
    expect(await verdict(world, key.secret)).toBe('401 DISABLED')
    const before = await marks()
    await done(world, workspace.secret, 'disableApiKey', 'apiKey { status }', { id: key.id })
    expect(await marks()).toEqual(before)
    await done(world, workspace.secret, 'enableApiKey', 'apiKey { status }', { id: key.id })
  }
  const before = await marks()
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { status }', { id: key.id })
  expect(await marks()).toEqual(before)
})

// What is over is over: nothing brings a revoked or expired key back, or changes what is shown of it.
test('of a dead key nothing can be changed any more; an expired one can still be revoked', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: 'Heir', role: 'ADMIN' })
  const revoked = await makeKey()
  await revoke(revoked.id)
  const expired = await makeKey({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: expired.id }, data: { expiresAt: new Date() } }),
  )
  for (const { id } of [revoked, expired]) {
    const before = [await stored(id), await marks()]
    for (const [mutation, input] of Object.entries({
      updateApiKey: { expiresAt: null },
      rotateApiKey: {},
      enableApiKey: {},
      disableApiKey: {},
      transferApiKey: { ownerId: robot.userId },
    })) {
      const { codes } = await attempt(world, workspace.secret, mutation, { id, ...input })
      expect([mutation, codes]).toEqual([mutation, ['WRONG_STATE']])
    }
    expect([await stored(id), await marks()]).toEqual(before)
  }
  expect((await revoke(expired.id)).apiKey.status).toBe('REVOKED')
})

// The person leaves, the integration stays: under a new owner, and a new secret that they never saw.
test('a transferred key acts for its new owner, whose role now bounds it', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'MEMBER' })
  const key = await makeKey({ permissions: ['members:read', 'keys:read'] })
  const viewer = '{ viewer { user { name kind } role permissions } }'
  expect((await world.gql(key.secret, viewer)).data.viewer.user.name).toBe('Olga Owner')
  const { secret } = await done(world, workspace.secret, 'transferApiKey', 'secret', {
    id: key.id,
    ownerId: robot.userId,
  })
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect((await world.gql(secret, viewer)).data.viewer).toEqual({
    user: { name: 'Robot', kind: 'MACHINE' },
    role: 'MEMBER',
    permissions: ['keys:read'],
  })
})

// A person who left must not get back in by what they left behind, not even by coming back.
test("a removed member's keys are refused at once, for good and with that reason", async () => {
  const robot = await seed(world, workspace.secret).machine({ name: 'Leaver', role: 'ADMIN' })
  const ownerId = robot.userId
  const key = await makeKey({ ownerId })
  const off = await makeKey({ ownerId })
  const before = await makeKey({ ownerId })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: off.id })
  await revoke(before.id, { reason: 'before' })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  const { revokedKeyCount } = await done(
    world,
    workspace.secret,
    'removeMember',
    'revokedKeyCount',
    { id: robot.id },
  )
  expect(revokedKeyCount).toBe(2)
  expect(await verdict(world, key.secret)).toBe('401 OWNER_REMOVED')
  expect(await verdict(world, off.secret)).toBe('401 OWNER_REMOVED')
  expect(await verdict(world, before.secret)).toBe('401 REVOKED')
  expect((await stored(before.id)).revocationReason).toBe('before')

  await directly(world, workspace.id, (prisma) =>
    prisma.member.updateMany({ where: { id: robot.id }, data: { removedAt: null } }),
  )
  expect(await verdict(world, key.secret)).toBe('401 OWNER_REMOVED')
})
