import { afterAll, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman, type Human } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { mint } from '../access-token/ask.ts'
import { directly, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'
import { createFurnishedWorld } from './furnished.ts'

const { world, workspace, make, spaces, robot } = await createFurnishedWorld()
afterAll(() => world.close())

const legacy = (more: object = {}, ownerId = robot.userId) =>
  importOne(world, workspace.secret, legacyKey(ownerId, more))
const migrate = (secret: string, id: string, input: object = {}) =>
  outcome(world, secret, 'migrateLegacyKey', { id, ...input })
const refused = (...call: Parameters<typeof migrate>) =>
  storesNothing(world, () => migrate(...call))

let count = 0
const caller = (input: object) =>
  make.key({ name: `caller ${++count}`, permissions: ['keys:read', 'keys:update'], ...input })

// Who migrates a key is given its secret: it is theirs to use from then on.
test('nobody gets the secret of a key that is stronger than they are', async () => {
  const here = { spaceIds: [spaces[0]] }
  const strong = await legacy({ permissions: ['agents:read', 'agents:run'], ...here })
  const permissions = ['keys:read', 'keys:update', 'agents:read']
  const weak = await caller({ permissions, spaces: [{ spaceId: spaces[0] }] })
  expect(await refused(weak.secret, strong.id)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.1',
  ])
  const wide = await legacy({ permissions: ['agents:read'], spaceIds: spaces })
  expect(await refused(weak.secret, wide.id)).toEqual(['NOT_FOUND input.id'])
  const equal = await legacy({ permissions: ['agents:read'], ...here })
  for (const [input, expected] of [
    [
      { permissions: ['agents:read', 'agents:update'] },
      'PERMISSION_NOT_GRANTABLE input.permissions.1',
    ],
    [{ spaces: [{ spaceId: spaces[1] }] }, 'NOT_FOUND input.spaces.0.spaceId'],
    [{ allSpaces: true }, 'SPACE_NOT_GRANTABLE input.allSpaces'],
  ] as const)
    expect(await refused(weak.secret, equal.id, input)).toEqual([expected])
  expect(await migrate(weak.secret, equal.id)).toEqual(['done'])
  // Made less than it was, the strong one is within what they may grant.
  expect(await migrate(weak.secret, strong.id, { permissions: ['agents:read'] })).toEqual(['done'])
})

test('a caller with an end migrates to keys that end by then', async () => {
  const end = new Date(Date.now() + 3_600_000)
  const all = { permissions: ['*'], allSpaces: true }
  const ending = await caller({ ...all, expiresAt: end.toISOString() })
  const { token } = await mint(world, workspace.secret)
  for (const secret of [ending.secret, token]) {
    const key = await legacy()
    const late = { expiresAt: new Date(end.getTime() + 1_000).toISOString() }
    for (const input of [{}, late])
      expect(await refused(secret, key.id, input)).toEqual(['EXPIRY_NOT_ALLOWED input.expiresAt'])
    const early = { expiresAt: new Date(Date.now() + 60_000).toISOString() }
    expect(await migrate(secret, key.id, early)).toEqual(['done'])
  }
})

test('a caller with a limit or an address rule migrates no key that has none', async () => {
  const all = { permissions: ['*'], allSpaces: true }
  const key = await legacy()
  const slow = await caller({ ...all, requestsPerMinute: 500 })
  expect(await refused(slow.secret, key.id)).toEqual(['INVALID input.requestsPerMinute'])
})

test('without keys:update, and for the key of another person, there is no secret', async () => {
  const key = await legacy()
  const none = await caller({ permissions: ['keys:read'], allSpaces: true })
  expect(await refused(none.secret, key.id)).toEqual(['FORBIDDEN keys:update'])
  const ann: Human = await addHuman(world, workspace, 'MEMBER')
  const theirs = await legacy()
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: theirs.id }, data: { ownerId: ann.userId } }),
  )
  expect(await refused(workspace.secret, theirs.id)).toEqual(['PERMISSION_NOT_GRANTABLE input.id'])
})

// What it was imported with is its own; for anything more it must hold what it takes.
test('a key migrates itself with keys:update, as far as nothing grows by it', async () => {
  const here = { spaceIds: [spaces[0]] }
  const idle = await legacy({ permissions: ['agents:read'], ...here })
  expect(await refused(idle.secret, idle.id)).toEqual(['FORBIDDEN keys:update'])
  const member = await make.machine({ name: 'M', role: 'MEMBER', spaceIds: [spaces[0]] })
  // A member's role cuts off the last of these.
  const permissions = ['keys:read', 'keys:update', 'agents:read', 'members:read']
  const able = await legacy({ permissions, ...here }, member.userId)
  const beyond = 'PERMISSION_NOT_GRANTABLE input.permissions.3'
  for (const [input, expected] of [
    [{ permissions: [...permissions, 'agents:run'] }, [beyond, `${beyond.slice(0, -1)}4`]],
    [{ allSpaces: true }, [beyond, 'SPACE_NOT_GRANTABLE input.allSpaces']],
  ] as const)
    expect(await refused(able.secret, able.id, input)).toEqual(expected)
  expect(await migrate(able.secret, able.id)).toEqual(['done'])
  expect(await verdict(world, able.secret)).toBe('ACCEPTED')
})
