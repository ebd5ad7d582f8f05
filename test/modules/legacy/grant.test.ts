import { afterAll, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { mint } from '../access-token/ask.ts'
import { importKeys, legacyKey } from './ask.ts'
import { createFurnishedWorld } from './furnished.ts'

const { world, workspace, make, spaces, robot } = await createFurnishedWorld()
afterAll(() => world.close())

const keys = ['keys:read', 'keys:create', 'keys:update']
const inhabited = ['agents:read', 'agents:run']

/** What comes of each key where only refused ones are tried. */
const refusals = async (secret: string, rows: readonly object[]) => {
  const { errors, results } = await storesNothing(world, () => importKeys(world, secret, rows))
  expect(errors).toEqual([])
  return results
}

// Their permissions on keys end at their own, as a create would tell them.
test.each(['BUILDER', 'MEMBER'] as const)(
  'a %s imports for nobody but themselves',
  async (role) => {
    const user = await make.machine({ name: `a ${role}`, role, spaceIds: spaces })
    const key = await make.key({
      name: role,
      ownerId: user.userId,
      permissions: [...keys, ...inhabited],
      spaces: [{ spaceId: spaces[0] }],
    })
    expect(
      await refusals(key.secret, [
        legacyKey(robot.userId),
        legacyKey(workspace.ownerId),
        // Who is there is not told, either.
        legacyKey('usr_00000000000000000000000000'),
        legacyKey(user.userId, { permissions: ['members:read'] }),
        legacyKey(user.userId, { permissions: ['*'] }),
        legacyKey(user.userId, { permissions: inhabited, spaceIds: spaces }),
        legacyKey(user.userId, { permissions: inhabited, allSpaces: true }),
      ]),
    ).toEqual([
      ['PERMISSION_NOT_GRANTABLE ownerId'],
      ['PERMISSION_NOT_GRANTABLE ownerId'],
      ['PERMISSION_NOT_GRANTABLE ownerId'],
      ['PERMISSION_NOT_GRANTABLE permissions.0'],
      expect.arrayContaining(['PERMISSION_NOT_GRANTABLE permissions.0']),
      ['NOT_FOUND spaceIds.1'],
      ['SPACE_NOT_GRANTABLE allSpaces'],
    ])
    const { results } = await importKeys(world, key.secret, [
      legacyKey(user.userId, { permissions: inhabited, spaceIds: [spaces[0]] }),
    ])
    expect(results).toEqual([['imported']])
  },
)

test('a key for one of two spaces imports for that one, with what it holds there', async () => {
  const key = await make.key({
    name: 'one space',
    permissions: [...keys, 'members:read', ...inhabited],
    spaces: [{ spaceId: spaces[0], permissions: ['agents:read'] }],
  })
  const here = { spaceIds: [spaces[0]] }
  expect(
    await refusals(key.secret, [
      legacyKey(robot.userId, { permissions: inhabited, ...here }),
      legacyKey(robot.userId, { permissions: ['agents:read', 'agents:update'], ...here }),
      legacyKey(robot.userId, { permissions: ['agents:read'], spaceIds: spaces }),
      legacyKey(robot.userId, { permissions: ['agents:read'], allSpaces: true }),
      legacyKey(robot.userId, { allSpaces: true }),
      legacyKey(workspace.ownerId, { allSpaces: true }),
      legacyKey(robot.userId, { permissions: ['keys:read', 'keys:delete'] }),
    ]),
  ).toEqual([
    ['SPACE_NOT_GRANTABLE spaceIds.0'],
    ['PERMISSION_NOT_GRANTABLE permissions.1'],
    ['NOT_FOUND spaceIds.1'],
    ['SPACE_NOT_GRANTABLE allSpaces'],
    ['SPACE_NOT_GRANTABLE allSpaces'],
    ['SPACE_NOT_GRANTABLE allSpaces'],
    ['PERMISSION_NOT_GRANTABLE permissions.1'],
  ])
  const { results } = await importKeys(world, key.secret, [
    legacyKey(robot.userId, { permissions: ['agents:read'], ...here }),
    legacyKey(workspace.ownerId, { permissions: ['keys:read'] }),
  ])
  expect(results).toEqual([['imported'], ['imported']])
})

test('for another person nobody imports by the API', async () => {
  const ann = await addHuman(world, workspace, 'MEMBER')
  expect(await refusals(workspace.secret, [legacyKey(ann.userId)])).toEqual([
    ['PERMISSION_NOT_GRANTABLE ownerId'],
  ])
  const gone = await make.machine({ name: 'gone', role: 'MEMBER' })
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: gone.id })
  expect(await refusals(workspace.secret, [legacyKey(gone.userId)])).toEqual([
    ['NOT_FOUND ownerId'],
  ])
})

test('an admin imports what an admin may grant', async () => {
  const ann = await addHuman(world, workspace, 'ADMIN')
  const admin = await humanKey(world, workspace, ann, { permissions: ['*'], allSpaces: true })
  const all = { permissions: ['*'], allSpaces: true }
  expect(await refusals(admin.secret, [legacyKey(ann.userId, all)])).toEqual([
    ['PERMISSION_NOT_GRANTABLE permissions.0'],
  ])
  // No machine user can ever hold members:own.
  const { results } = await importKeys(world, admin.secret, [legacyKey(robot.userId, all)])
  expect(results).toEqual([['imported']])
})

// What is imported has no end, no limit and no address rule: by whom they bind it would be the stronger.
test('a caller with bounds imports nothing', async () => {
  const all = { permissions: ['*'], allSpaces: true }
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const ending = await make.key({ name: 'ending', ...all, expiresAt })
  const slow = await make.key({ name: 'slow', ...all, requestsPerMinute: 1_000 })
  const placed = await make.key({ name: 'placed', ...all, allowedIps: ['10.0.0.0/8'] })
  const replaced = await make.key({ name: 'replaced', ...all })
  await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: replaced.id })
  const { token } = await mint(world, workspace.secret)
  const bounded = [
    [ending.secret, 'EXPIRY_NOT_ALLOWED'],
    [slow.secret, 'INVALID'],
    [placed.secret, 'INVALID'],
    [replaced.secret, 'EXPIRY_NOT_ALLOWED'],
    [token, 'EXPIRY_NOT_ALLOWED'],
  ] as const
  for (const [secret, code] of bounded) {
    const { errors, results } = await storesNothing(world, () =>
      importKeys(world, secret, [legacyKey(workspace.ownerId)], { address: '10.0.0.1' }),
    )
    expect([errors, results]).toEqual([[code], []])
  }
})

test('without keys:create nothing is imported', async () => {
  const weak = await make.key({ name: 'weak', permissions: ['keys:read', 'keys:update'] })
  const input = { keys: [legacyKey(workspace.ownerId)] }
  expect(await outcome(world, weak.secret, 'importLegacyKeys', input)).toEqual([
    'FORBIDDEN keys:create',
  ])
})
