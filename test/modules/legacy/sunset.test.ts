import { beforeEach, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { beforeSoon, untilPast } from '../../setup/soon.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { directly, verdict } from '../api-key/ask.ts'
import { importKeys, importOne, legacyKey } from './ask.ts'

let workspace: TestWorkspace

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
const policy = ['workspace:read', 'workspace:update']
const setSunset = (at: Date, secret = workspace.secret) =>
  outcome(world, secret, 'updateWorkspace', { legacyKeySunsetAt: at.toISOString() })
/** As if the time had come: the sunset that was set has passed. */
const sunsetPasses = () =>
  directly(world, workspace.id, (prisma) =>
    prisma.workspace.update({
      where: { id: workspace.id },
      data: { legacyKeySunsetAt: inSeconds(-1) },
    }),
  )
const make = (input: object = {}) =>
  importOne(world, workspace.secret, legacyKey(workspace.ownerId, input))
const keyOf = async (id: string) =>
  (
    await world.gql(
      workspace.secret,
      'query ($id: ID!) { apiKey(id: $id) { status expiresAt effectiveExpiresAt } }',
      { id },
    )
  ).data.apiKey

test('legacy keys live until the sunset, and ordinary ones beyond it', async () => {
  const legacy = await make()
  const ordinary = await seed(world, workspace.secret).key({ name: 'ordinary' })
  const sunset = inSeconds(60)
  expect(await setSunset(sunset)).toEqual(['done'])
  for (const { secret } of [legacy, ordinary]) expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await keyOf(legacy.id)).toEqual({
    status: 'ACTIVE',
    expiresAt: null,
    effectiveExpiresAt: sunset.toISOString(),
  })
  expect(await keyOf(ordinary.id)).toMatchObject({ effectiveExpiresAt: null })
  await sunsetPasses()
  expect(await verdict(world, legacy.secret)).toBe('401 EXPIRED')
  expect(await verdict(world, ordinary.secret)).toBe('ACCEPTED')
  expect(await keyOf(legacy.id)).toMatchObject({ status: 'EXPIRED', expiresAt: null })
})

// The sunset is an instant: nobody has to do anything when it comes.
test('it comes by the clock alone, also for a key that is known already', async () => {
  const legacy = await make()
  expect(await verdict(world, legacy.secret)).toBe('ACCEPTED')
  const sunset = await beforeSoon(async (soon) => {
    const [told] = await setSunset(soon)
    const isKnown = (await verdict(world, legacy.secret)) === 'ACCEPTED'
    return told === 'done' && isKnown ? soon : undefined
  })
  await untilPast(sunset)
  expect(await verdict(world, legacy.secret)).toBe('401 EXPIRED')
})

test('the earliest of own expiry, lifetime policy and sunset counts', async () => {
  const legacy = await make()
  const [soon, later] = [inSeconds(1_000), inSeconds(200_000)]
  await setSunset(later)
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: legacy.id,
    expiresAt: soon.toISOString(),
  })
  expect(await keyOf(legacy.id)).toMatchObject({ effectiveExpiresAt: soon.toISOString() })
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: legacy.id,
    expiresAt: null,
  })
  expect(await keyOf(legacy.id)).toMatchObject({ effectiveExpiresAt: later.toISOString() })
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', {
    maxKeyLifetimeDays: 1,
  })
  const { effectiveExpiresAt } = await keyOf(legacy.id)
  expect(Date.parse(effectiveExpiresAt)).toBeLessThan(later.getTime())
})

test('past the sunset a legacy key is dead: revoked at most, uncounted, its name free', async () => {
  const legacy = await make({ name: 'gone' })
  await setSunset(inSeconds(60))
  await sunsetPasses()
  const count = '{ workspace { apiKeyCount } }'
  expect((await world.gql(workspace.secret, count)).data.workspace.apiKeyCount).toBe(1)
  const { id } = legacy
  for (const [mutation, input] of [
    ['updateApiKey', { id, name: 'other' }],
    ['disableApiKey', { id }],
    ['migrateLegacyKey', { id }],
  ] as const)
    expect([mutation, await outcome(world, workspace.secret, mutation, input)]).toEqual([
      mutation,
      ['WRONG_STATE input.id'],
    ])
  expect(await outcome(world, workspace.secret, 'createApiKey', { name: 'Gone' })).toEqual(['done'])
  const expired = '{ apiKeys(filter: { status: EXPIRED, legacy: true }) { nodes { id } } }'
  expect((await world.gql(workspace.secret, expired)).data.apiKeys.nodes).toEqual([{ id }])
  expect(await outcome(world, workspace.secret, 'revokeApiKey', { id })).toEqual(['done'])
})

test('past the sunset none is imported, dry or not', async () => {
  await setSunset(inSeconds(60))
  await sunsetPasses()
  for (const dryRun of [true, false]) {
    const refused = await storesNothing(world, () =>
      importKeys(world, workspace.secret, [legacyKey(workspace.ownerId)], { dryRun }),
    )
    expect(refused).toEqual({ errors: ['WRONG_STATE'], results: [], keys: [] })
  }
})

// A key that may change the workspace would otherwise bring back one that is stronger than itself.
test('whoever moves the sunset to a later date could grant every legacy key that lives longer by it', async () => {
  const weak = await seed(world, workspace.secret).key({ name: 'weak', permissions: policy })
  const strong = await make({ permissions: ['*'], allSpaces: true })
  const at = (...codes: string[]) => codes.map((code) => `${code} input.legacyKeySunsetAt`)
  // Where there was none, or it was later, nothing lives longer.
  expect(await setSunset(inSeconds(500), weak.secret)).toEqual(['done'])
  expect(await setSunset(inSeconds(400), weak.secret)).toEqual(['done'])
  const beyond = at('PERMISSION_NOT_GRANTABLE', 'SPACE_NOT_GRANTABLE')
  expect(await setSunset(inSeconds(600), weak.secret)).toEqual(beyond)
  await sunsetPasses()
  expect(await setSunset(inSeconds(600), weak.secret)).toEqual(beyond)
  expect(await verdict(world, strong.secret)).toBe('401 EXPIRED')
  expect(await setSunset(inSeconds(600))).toEqual(['done'])
  expect(await verdict(world, strong.secret)).toBe('ACCEPTED')
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: strong.id })
  expect(await setSunset(inSeconds(700), weak.secret)).toEqual(['done'])
})

test('a credential that ends lets no legacy key live beyond its end', async () => {
  const all = { permissions: ['*'], allSpaces: true }
  const expiresAt = inSeconds(1_000).toISOString()
  const ending = await seed(world, workspace.secret).key({ name: 'ending', ...all, expiresAt })
  await make()
  await setSunset(inSeconds(500))
  expect(await setSunset(inSeconds(1_001), ending.secret)).toEqual([
    'EXPIRY_NOT_ALLOWED input.legacyKeySunsetAt',
  ])
  expect(await setSunset(inSeconds(900), ending.secret)).toEqual(['done'])
})

test('keys that come back count for the limit of the plan, and take their names again', async () => {
  const legacy = await make({ name: 'back' })
  await setSunset(inSeconds(60))
  await sunsetPasses()
  const other = await seed(world, workspace.secret).key({ name: 'Back' })
  expect(await setSunset(inSeconds(60))).toEqual(['NAME_TAKEN input.legacyKeySunsetAt'])
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: other.id })
  const limit = (enterpriseKeyLimit: number) =>
    directly(world, workspace.id, (prisma) =>
      prisma.workspace.update({ where: { id: workspace.id }, data: { enterpriseKeyLimit } }),
    )
  await limit(1)
  expect(await setSunset(inSeconds(60))).toEqual(['LIMIT_REACHED input.legacyKeySunsetAt'])
  await limit(2)
  expect(await setSunset(inSeconds(60))).toEqual(['done'])
  expect(await verdict(world, legacy.secret)).toBe('ACCEPTED')
})

// The policies are one question: what one of them gives the other may take.
test('of both policies changed at once the end that comes of it counts', async () => {
  const weak = await seed(world, workspace.secret).key({ name: 'weak', permissions: policy })
  await make({ permissions: ['members:read'] })
  const change = (days: number, sunset: Date) =>
    outcome(world, weak.secret, 'updateWorkspace', {
      maxKeyLifetimeDays: days,
      legacyKeySunsetAt: sunset.toISOString(),
    })
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', {
    id: (await seed(world, workspace.secret).key({ name: 'unused' })).id,
  })
  const day = 86_400
  expect(await change(10, inSeconds(5 * day))).toEqual(['done'])
  // The owner's own key, too, lives longer by the first, and the legacy key by both.
  expect(await change(11, inSeconds(6 * day))).toEqual([
    'PERMISSION_NOT_GRANTABLE input',
    'SPACE_NOT_GRANTABLE input',
  ])
  expect(await change(9, inSeconds(6 * day))).toEqual([
    'PERMISSION_NOT_GRANTABLE input.legacyKeySunsetAt',
  ])
  expect(await change(9, inSeconds(4 * day))).toEqual(['done'])
})
