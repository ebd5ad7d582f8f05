import { expect, test } from 'vitest'
import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { done, seed } from '../../setup/seed.ts'
import { beforeSoon, untilPast } from '../../setup/soon.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, directly, verdict } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
}

const rotate = async (id: string, input: object = {}, secret = workspace.secret): Promise<any> =>
  done(
    world,
    secret,
    'rotateApiKey',
    'secret apiKey { id start last4 rotatedAt expiresAt previousSecretExpiresAt status }',
    { id, ...input },
  )

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()

/** Puts the end of whatever secret is in its overlap where the test wants it. */
const endOverlap = (keyId: string): Promise<void> =>
  directly(world, workspace.id, (prisma) =>
    prisma.apiKeySecret.updateMany({
      where: { workspaceId: workspace.id, keyId, endsAt: { not: null } },
      data: { endsAt: new Date(Date.now() - 1) },
    }),
  )

// Whoever has not yet been given the new secret is served until the overlap ends, and not after it.
test('both secrets work during the overlap, and the old one is told that it was replaced after it', async () => {
  const key = await makeKey()
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  const begun = Date.now()
  const { secret, apiKey } = await rotate(key.id)
  const rotatedAt = Date.parse(apiKey.previousSecretExpiresAt) - 3_600_000
  expect(rotatedAt).toBeGreaterThan(begun - 500)
  expect(rotatedAt).toBeLessThan(Date.now() + 500)
  for (const either of [key.secret, secret, key.secret, secret])
    expect(await verdict(world, either)).toBe('ACCEPTED')
  expect(apiKey).toMatchObject({
    id: key.id,
    start: secret.slice(0, 7),
    last4: secret.slice(-4),
  })

  await endOverlap(key.id)
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// The overlap ends by the clock alone, also where both secrets are known already.
test('an overlap ends by itself', async () => {
  const rotated = await beforeSoon(async (end) => {
    const key = await makeKey()
    const overlapSeconds = Math.ceil((end.getTime() - Date.now()) / 1_000)
    const { secret, apiKey } = await rotate(key.id, { overlapSeconds })
    const endsAt = new Date(apiKey.previousSecretExpiresAt)
    const during = [await verdict(world, key.secret), await verdict(world, secret)]
    const isInTime = during.every((it) => it === 'ACCEPTED')
    return isInTime ? { old: key.secret, secret, endsAt } : undefined
  })
  await untilPast(rotated.endsAt)
  expect(await verdict(world, rotated.old)).toBe('401 ROTATED')
  expect(await verdict(world, rotated.secret)).toBe('ACCEPTED')
})

// An overlap of 0 is what one asks for after a leak.
test('an overlap of 0 ends the old secret before the rotation is answered', async () => {
  const key = await makeKey()
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  const { secret, apiKey } = await rotate(key.id, { overlapSeconds: 0 })
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(apiKey.previousSecretExpiresAt).toBeNull()
})

test('an overlap below 0 or beyond 7 days is refused, and 7 days are not', async () => {
  const key = await makeKey()
  for (const overlapSeconds of [-1, 604_801]) {
    const refused = await attempt(world, workspace.secret, 'rotateApiKey', {
      id: key.id,
      overlapSeconds,
    })
    expect(refused).toMatchObject({ codes: ['INVALID'], paths: [['input', 'overlapSeconds']] })
  }
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  const begun = Date.now()
  const { apiKey } = await rotate(key.id, { overlapSeconds: 604_800 })
  expect(Date.parse(apiKey.previousSecretExpiresAt)).toBeGreaterThan(begun + 604_799_500)
})

const everySetting = `{ id name description status legacy permissions allSpaces allowedIps
  requestsPerMinute createdAt expiresAt effectiveExpiresAt createdByKeyId lastUsedAt
  effectivePermissions scopes { id } spaces { spaceId permissions effectivePermissions }
  owner { name } createdBy { name } }`

// A key that loses its bounds by a rotation would be stronger afterwards; one that loses rights fails.
test('a rotation changes no setting of the key, its expiry least of all', async () => {
  const make = seed(world, workspace.secret)
  const spaceId = await make.space({ name: 'Rotated' })
  const scopeId = await make.scope({ name: 'Linked', permissions: ['agents:read', 'keys:read'] })
  const key = await makeKey({
    description: 'as it was',
    permissions: ['spaces:read'],
    scopeIds: [scopeId],
    spaces: [{ spaceId, permissions: ['spaces:read'] }],
    expiresAt: inHours(5),
    allowedIps: ['10.0.0.0/8'],
    requestsPerMinute: 7,
  })
  const read = async (): Promise<any> =>
    (
      await world.gql(workspace.secret, `query ($id: ID!) { apiKey(id: $id) ${everySetting} }`, {
        id: key.id,
      })
    ).data.apiKey
  const before = await read()
  expect(before.effectivePermissions).not.toEqual([])
  const { secret } = await rotate(key.id)
  expect(await read()).toEqual(before)
  expect(await verdict(world, secret, { address: '10.1.2.3' })).toBe('ACCEPTED')
  expect(await verdict(world, secret, { address: '11.1.2.3' })).toBe('401 IP_NOT_ALLOWED')
})

// The old secret must not outlive the key it was made for.
test("the previous secret ends with the key, whether the key's own expiry or the policy ends it", async () => {
  const expiresAt = inHours(0.5)
  const own = await makeKey({ expiresAt })
  expect((await rotate(own.id)).apiKey).toMatchObject({
    expiresAt,
    previousSecretExpiresAt: expiresAt,
  })

  const other = await world.createWorkspace()
  const byPolicy = await seed(world, other.secret).key({ name: 'by policy' })
  const createdAt = new Date(Date.now() - 86_400_000 + 600_000)
  await directly(world, other.id, async (prisma) => {
    await prisma.apiKey.updateMany({ where: { id: byPolicy.id }, data: { createdAt } })
    await prisma.workspace.update({ where: { id: other.id }, data: { maxKeyLifetimeDays: 1 } })
  })
  const { apiKey } = await rotate(byPolicy.id, {}, other.secret)
  expect(apiKey.previousSecretExpiresAt).toBe(
    new Date(createdAt.getTime() + 86_400_000).toISOString(),
  )
})

// At most two secrets of a key are good at any time.
test('rotateApiKey: once the current secret is in use, a rotation ends the one before at once', async () => {
  const key = await makeKey()
  const { secret: second, apiKey } = await rotate(key.id)
  for (const either of [key.secret, second]) expect(await verdict(world, either)).toBe('ACCEPTED')
  const third = (await rotate(key.id, { expectedRotatedAt: apiKey.rotatedAt })).secret
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect(await verdict(world, second)).toBe('ACCEPTED')
  expect(await verdict(world, third)).toBe('ACCEPTED')
  const live = await world.deps.prisma.apiKeySecret.count({
    where: { keyId: key.id, OR: [{ endsAt: null }, { endsAt: { gt: new Date() } }] },
  })
  expect(live).toBe(2)
})

// A rotation is no way around having been disabled.
test('a disabled key rotates and stays disabled', async () => {
  const key = await makeKey()
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  const { secret, apiKey } = await rotate(key.id)
  expect(apiKey.status).toBe('DISABLED')
  expect(await verdict(world, secret)).toBe('401 DISABLED')
  expect(await verdict(world, key.secret)).toBe('401 DISABLED')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// Neither a revoked nor an expired key comes back to life under a new secret.
test('a revoked and an expired key cannot be rotated', async () => {
  const revoked = await makeKey()
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: revoked.id })
  const expired = await makeKey({ expiresAt: inHours(1) })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: expired.id }, data: { expiresAt: new Date() } }),
  )
  for (const { id } of [revoked, expired]) {
    const { codes, payload } = await attempt(
      world,
      workspace.secret,
      'rotateApiKey',
      { id },
      'secret apiKey { id }',
    )
    expect(codes).toEqual(['WRONG_STATE'])
    expect(payload).toMatchObject({ secret: null, apiKey: null })
    expect(await world.deps.prisma.apiKeySecret.count({ where: { keyId: id } })).toBe(1)
  }
})

// A secret of a stronger key, of another person's or of another workspace's must not be had this way.
test('nobody gets the secret of a key that they could not have made', async () => {
  const weak = await makeKey({ permissions: ['keys:read', 'keys:update'], allSpaces: true })
  const strong = await makeKey({ permissions: ['members:read'] })
  const stronger = await attempt(world, weak.secret, 'rotateApiKey', { id: strong.id }, 'secret')
  expect(stronger).toMatchObject({
    codes: ['PERMISSION_NOT_GRANTABLE'],
    payload: { secret: null },
  })

  const { user } = (
    await done(world, workspace.secret, 'addMember', 'member { user { id } }', {
      email: 'human@example.com',
      role: 'BUILDER',
    })
  ).member
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: strong.id }, data: { ownerId: user.id } }),
  )
  const another = await attempt(
    world,
    workspace.secret,
    'rotateApiKey',
    { id: strong.id },
    'secret',
  )
  expect(another).toMatchObject({
    codes: ['PERMISSION_NOT_GRANTABLE'],
    payload: { secret: null },
  })

  const elsewhere = await world.createWorkspace()
  for (const id of [strong.id, 'key_00000000000000000000000000', 'nonsense']) {
    const foreign = await attempt(world, elsewhere.secret, 'rotateApiKey', { id }, 'secret')
    expect(foreign).toMatchObject({ codes: ['NOT_FOUND'], payload: { secret: null } })
  }
  expect(await verdict(world, strong.secret)).toBe('ACCEPTED')
})

// A prefix of several parts is what secret scanners were told to look for.
test('a rotated key keeps a prefix of several parts', async () => {
  const { keyPrefix } = world.deps
  Object.assign(world.deps, { keyPrefix: 'acme_live' })
  try {
    const key = await makeKey()
    const { secret, apiKey } = await rotate(key.id)
    for (const each of [key.secret, secret]) {
      expect(each).toMatch(/^acme_live_[0-9A-Za-z]{49}$/)
      expect(await verdict(world, each)).toBe('ACCEPTED')
    }
    expect(apiKey.start).toBe(secret.slice(0, 'acme_live_'.length + 4))
  } finally {
    Object.assign(world.deps, { keyPrefix })
  }
})

// What the database holds of a secret is of no use to who reads it.
test('a rotation stores the hash of the new secret and nothing else of it', async () => {
  const key = await makeKey()
  const { secret } = await rotate(key.id)
  const stored = await world.deps.prisma.apiKeySecret.findMany({
    where: { keyId: key.id, endsAt: null },
    select: { hash: true },
  })
  expect(stored.map(({ hash }) => Buffer.from(hash))).toEqual([Buffer.from(hashSecret(secret))])
})
