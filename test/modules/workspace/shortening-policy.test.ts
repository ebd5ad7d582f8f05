import { beforeEach, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman, type Human, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { mint, verdict as tokenVerdict } from '../access-token/ask.ts'
import { directly, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from '../legacy/ask.ts'
import { importUserLevelKey } from '../legacy/user-level.ts'

let workspace: TestWorkspace
let ann: Human
/** An ADMIN's: everything but members:own. */
let admin: string

const day = 86_400_000
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString()
const everything = { permissions: ['*'], allSpaces: true }
const ownersOnly = ['FORBIDDEN members:own']

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  ann = await addHuman(world, workspace, 'ADMIN')
  admin = (await humanKey(world, workspace, ann, everything)).secret
})

const set = (input: object, secret = admin) =>
  outcome(world, secret, 'updateWorkspace', { ...input })

/** The update is refused for an OWNER's key, and changes nothing. */
async function expectOwnersOnly(input: object, secret = admin): Promise<void> {
  await storesNothing(world, async () => {
    expect([input, await set(input, secret)]).toEqual([input, ownersOnly])
  })
}

/** Without the OWNER's first key, which every lifetime policy shortens. */
const revokeFirstKey = () =>
  directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({
      where: { id: workspace.keyId },
      data: { revokedAt: new Date(), nameKey: null },
    }),
  )

test("updateWorkspace: a lifetime policy that shortens an OWNER's key needs members:own", async () => {
  await expectOwnersOnly({ maxKeyLifetimeDays: 1 })
  await expectOwnersOnly({ maxKeyLifetimeDays: 36_500 })
  await expectOwnersOnly({ maxKeyLifetimeDays: 90, name: 'Other' })
  expect(await verdict(world, workspace.secret)).toBe('ACCEPTED')
  expect(await set({ name: 'Other' })).toEqual(['done'])
  expect(await set({ maxKeyLifetimeDays: 90 }, workspace.secret)).toEqual(['done'])
  await expectOwnersOnly({ maxKeyLifetimeDays: 89 })
  expect(await set({ maxKeyLifetimeDays: 90 })).toEqual(['done'])
})

test("updateWorkspace: an OWNER's key without members:own shortens only its owner's keys", async () => {
  const permissions = ['workspace:read', 'workspace:update']
  const own = await seed(world, workspace.secret).key({ name: 'own', permissions })
  expect(await set({ maxKeyLifetimeDays: 90 }, own.secret)).toEqual(['done'])
  const olaf = await addHuman(world, workspace, 'OWNER')
  await humanKey(world, workspace, olaf, {})
  await expectOwnersOnly({ maxKeyLifetimeDays: 80 }, own.secret)
})

test("updateWorkspace: an OWNER's access token is shortened with its key alone", async () => {
  const { token } = await mint(world, workspace.secret)
  await expectOwnersOnly({ maxKeyLifetimeDays: 1 })
  expect(await tokenVerdict(world, token)).toBe('ACCEPTED')
})

test('updateWorkspace: keys that are dead, end before, or are no OWNER’s, need nothing', async () => {
  const { userId: ownerId } = await seed(world, workspace.secret).machine({
    name: 'Robot',
    role: 'ADMIN',
  })
  const make = seed(world, workspace.secret)
  const robots = await make.key({ name: 'robots', ownerId, ...everything })
  await make.key({ name: 'ends before', expiresAt: inDays(5) })
  const dead = await make.key({ name: 'ended', expiresAt: inDays(5) })
  await revokeFirstKey()
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: dead.id }, data: { expiresAt: new Date() } }),
  )
  expect(await set({ maxKeyLifetimeDays: 6 })).toEqual(['done'])
  await expectOwnersOnly({ maxKeyLifetimeDays: 4 })
  expect(await verdict(world, robots.secret)).toBe('ACCEPTED')
})

test("updateWorkspace: an OWNER's disabled key is live, and counts", async () => {
  const { id } = await seed(world, workspace.secret).key({ name: 'disabled' })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
  await revokeFirstKey()
  await expectOwnersOnly({ maxKeyLifetimeDays: 90 })
  const data = { disabledAt: null, revokedAt: new Date(), nameKey: null }
  await directly(world, workspace.id, (prisma) => prisma.apiKey.updateMany({ where: { id }, data }))
  expect(await set({ maxKeyLifetimeDays: 90 })).toEqual(['done'])
})

test("updateWorkspace: a sunset that shortens an OWNER's legacy key needs members:own", async () => {
  await expect(set({ legacyKeySunsetAt: inDays(3) })).resolves.toEqual(['done'])
  const { secret } = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  await expectOwnersOnly({ legacyKeySunsetAt: inDays(2) })
  await expectOwnersOnly({ legacyKeySunsetAt: inDays(-1) })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await set({ legacyKeySunsetAt: inDays(2) }, workspace.secret)).toEqual(['done'])
})

test('updateWorkspace: one setting that relaxes does not make up for one that shortens', async () => {
  const { secret } = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  expect(
    await set({ maxKeyLifetimeDays: 10, legacyKeySunsetAt: inDays(20) }, workspace.secret),
  ).toEqual(['done'])
  await revokeFirstKey()
  await expectOwnersOnly({ maxKeyLifetimeDays: 30, legacyKeySunsetAt: inDays(5) })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// The legacy secret of a migrated key lives on for its overlap, and a sunset ends it earlier.
test("updateWorkspace: a sunset that shortens an OWNER's replaced legacy secret needs members:own", async () => {
  const key = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  const migrate = { id: key.id, overlapSeconds: 600_000 }
  await done(world, workspace.secret, 'migrateLegacyKey', 'apiKey { id }', migrate)
  await expectOwnersOnly({ legacyKeySunsetAt: inDays(1) })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  expect(await set({ legacyKeySunsetAt: inDays(8) })).toEqual(['done'])
  expect(await set({ legacyKeySunsetAt: inDays(1) }, workspace.secret)).toEqual(['done'])
  expect(await set({ legacyKeySunsetAt: inDays(2) })).toEqual(['done'])
})

test("updateWorkspace: an OWNER's user-level key counts in their workspace", async () => {
  const { secret } = await importUserLevelKey(world, workspace.ownerId, everything)
  await revokeFirstKey()
  await expectOwnersOnly({ legacyKeySunsetAt: inDays(1) })
  await expectOwnersOnly({ maxKeyLifetimeDays: 1 })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('updateWorkspace: a caller who was OWNER until a moment ago shortens no OWNER’s key', async () => {
  const dora = await addHuman(world, workspace, 'OWNER')
  const { secret } = await humanKey(world, workspace, dora, everything)
  expect(await set({ maxKeyLifetimeDays: 90 }, secret)).toEqual(['done'])
  const demoted = { id: dora.memberId, role: 'ADMIN' }
  await done(world, workspace.secret, 'updateMember', 'member { id }', demoted)
  await expectOwnersOnly({ maxKeyLifetimeDays: 80 }, secret)
})

test('updateWorkspace: keys of another workspace’s OWNER are not compared', async () => {
  await world.createWorkspace()
  await revokeFirstKey()
  expect(await set({ maxKeyLifetimeDays: 1 })).toEqual(['done'])
})
