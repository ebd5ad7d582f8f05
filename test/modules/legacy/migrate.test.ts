import { inspect } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { view } from '../../setup/view.ts'
import { directly, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'
import { createFurnishedWorld } from './furnished.ts'

const { world, workspace, make, spaces, robot } = await createFurnishedWorld()
afterAll(() => world.close())

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
const legacy = (more: object = {}) =>
  importOne(world, workspace.secret, legacyKey(robot.userId, more))
const selection = `secret apiKey { id name status legacy start last4 permissions allSpaces expiresAt
  effectiveExpiresAt rotatedAt createdAt previousSecretExpiresAt scopes { id }
  spaces { spaceId permissions } owner { id } }`
const migrate = (id: string, input: object = {}, secret = workspace.secret) =>
  done(world, secret, 'migrateLegacyKey', selection, { id, ...input })
const refused = (id: string, input: object = {}, secret = workspace.secret) =>
  storesNothing(world, () => outcome(world, secret, 'migrateLegacyKey', { id, ...input }))

// Whoever has not yet been given the new secret is served until the overlap ends, and not after it.
test('both secrets work until the overlap ends, then only the new one', async () => {
  const key = await legacy({ permissions: ['agents:read'], spaceIds: [spaces[0]] })
  const before = await view(world, key.secret)
  const { secret, apiKey } = await migrate(key.id)
  expect(apiKey).toMatchObject({
    id: key.id,
    legacy: false,
    status: 'ACTIVE',
    start: secret.slice(0, 7),
    last4: secret.slice(-4),
    permissions: ['agents:read'],
    allSpaces: false,
    spaces: [{ spaceId: spaces[0], permissions: null }],
    owner: { id: robot.userId },
    rotatedAt: expect.any(String),
  })
  expect(secret).toMatch(/^lk_[0-9A-Za-z]{49}$/)
  const left = Date.parse(apiKey.previousSecretExpiresAt) - Date.now()
  expect(left).toBeGreaterThan(3_500_000)
  expect(left).toBeLessThanOrEqual(3_600_500)
  for (const either of [key.secret, secret, key.secret])
    expect(await view(world, either)).toEqual(before)
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKeySecret.updateMany({
      where: { keyId: key.id, legacy: true },
      data: { endsAt: inSeconds(-1) },
    }),
  )
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('what is given takes the place of what the key had, and the rest stays', async () => {
  const scope = await make.scope({ name: 'scope', permissions: ['agents:read'] })
  const key = await legacy({ permissions: ['agents:read', 'agents:run'], spaceIds: [spaces[0]] })
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    description: 'told',
    allowedIps: ['10.0.0.0/8'],
    requestsPerMinute: 7,
  })
  const expiresAt = inSeconds(10_000).toISOString()
  const narrowed = [{ spaceId: spaces[1], permissions: ['agents:read'] }]
  const { apiKey } = await migrate(key.id, {
    permissions: ['agents:run'],
    scopeIds: [scope],
    spaces: narrowed,
    expiresAt,
  })
  expect(apiKey).toMatchObject({
    permissions: ['agents:run'],
    scopes: [{ id: scope }],
    spaces: narrowed,
    expiresAt,
    effectiveExpiresAt: expiresAt,
  })
  const row = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  expect(row).toMatchObject({
    description: 'told',
    allowedIps: ['10.0.0.0/8'],
    requestsPerMinute: 7,
  })
})

test('migrateLegacyKey: an empty list of spaces takes all spaces away', async () => {
  const key = await legacy({ permissions: ['agents:read'], allSpaces: true })
  const { secret } = await migrate(key.id, { spaces: [] })
  for (const either of [key.secret, secret])
    expect(await view(world, either)).toMatchObject({ allSpaces: false, spaces: {} })
})

test('what cannot be is refused where it stands, and nothing is changed', async () => {
  const key = await legacy({ permissions: ['agents:read'] })
  const cases: [object, string[]][] = [
    [{ overlapSeconds: -1 }, ['INVALID input.overlapSeconds']],
    [{ overlapSeconds: 604_801 }, ['INVALID input.overlapSeconds']],
    [{ permissions: null }, ['INVALID input.permissions']],
    [
      { spaces: null, scopeIds: null, allSpaces: null },
      ['scopeIds', 'allSpaces', 'spaces'].map((it) => `INVALID input.${it}`),
    ],
    [{ permissions: ['no:such'] }, ['UNKNOWN_PERMISSION input.permissions.0']],
    [{ permissions: ['agents:run'] }, ['PERMISSION_DEPENDENCY_MISSING input.permissions']],
    [{ allSpaces: true, spaces: [{ spaceId: spaces[0] }] }, ['INVALID input.spaces']],
    [{ expiresAt: inSeconds(-5).toISOString() }, ['INVALID input.expiresAt']],
    [{ expiresAt: 'soon' }, ['INVALID input.expiresAt']],
  ]
  for (const [input, expected] of cases) expect(await refused(key.id, input)).toEqual(expected)
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

test('a key made beyond the lifetime policy is refused, for its age counts from its import', async () => {
  const other = await world.createWorkspace()
  const key = await importOne(world, other.secret, legacyKey(other.ownerId))
  await done(world, other.secret, 'updateWorkspace', 'workspace { id }', { maxKeyLifetimeDays: 2 })
  const late = { expiresAt: inSeconds(3 * 86_400).toISOString() }
  expect(await refused(key.id, late, other.secret)).toEqual(['EXPIRY_NOT_ALLOWED input.expiresAt'])
  const { apiKey } = await migrate(key.id, {}, other.secret)
  expect(Date.parse(apiKey.effectiveExpiresAt) - Date.parse(apiKey.createdAt)).toBe(2 * 86_400_000)
})

test('only a live legacy key is migrated, and once', async () => {
  const ordinary = await make.key({ name: 'ordinary' })
  expect(await refused(ordinary.id)).toEqual(['WRONG_STATE input.id'])
  const key = await legacy()
  await migrate(key.id)
  expect(await refused(key.id)).toEqual(['WRONG_STATE input.id'])
  const revoked = await legacy()
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: revoked.id })
  expect(await refused(revoked.id)).toEqual(['WRONG_STATE input.id'])
  expect(await refused('key_00000000000000000000000000')).toEqual(['NOT_FOUND input.id'])
})

test('a disabled one stays disabled', async () => {
  const key = await legacy()
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  const { secret, apiKey } = await migrate(key.id)
  expect(apiKey.status).toBe('DISABLED')
  for (const either of [key.secret, secret])
    expect(await verdict(world, either)).toBe('401 DISABLED')
})

// A legacy key has the secret that its bearer has, and gets no other but by becoming an ordinary one.
test('a legacy key is neither rotated nor transferred; a migrated one is', async () => {
  const key = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  const roads = [
    ['rotateApiKey', { id: key.id }],
    ['transferApiKey', { id: key.id, ownerId: robot.userId }],
  ] as const
  for (const [mutation, input] of roads)
    expect(
      await storesNothing(world, () => outcome(world, workspace.secret, mutation, input)),
    ).toEqual(['WRONG_STATE input.id'])
  const { apiKey } = await migrate(key.id)
  const expected = { expectedRotatedAt: apiKey.rotatedAt }
  expect(
    await outcome(world, workspace.secret, 'rotateApiKey', { ...roads[0][1], ...expected }),
  ).toEqual(['done'])
  expect(await outcome(world, workspace.secret, ...roads[1])).toEqual(['done'])
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
})

// What was issued elsewhere must not turn into something that outlives the place it was kept in.
test('no access token is minted with a legacy secret, in the overlap neither', async () => {
  const key = await legacy()
  const mint = (secret: string) => outcome(world, secret, 'createAccessToken', {})
  expect(await mint(key.secret)).toEqual(['WRONG_STATE input'])
  const { secret } = await migrate(key.id)
  expect(await mint(key.secret)).toEqual(['WRONG_STATE input'])
  expect(await mint(secret)).toEqual(['done'])
})

test('at the token endpoint a legacy key is no client that may ask for tokens', async () => {
  const key = await legacy()
  const exchange = async (secret: string) => {
    const response = await world.app.fetch(
      new Request('http://latchkey.test/oauth/token', {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          authorization: `Basic ${Buffer.from(`${key.id}:${encodeURIComponent(secret)}`).toString('base64')}`,
        },
        body: 'grant_type=client_credentials',
      }),
    )
    return [response.status, ((await response.json()) as { error?: string }).error]
  }
  expect(await exchange(key.secret)).toEqual([400, 'unauthorized_client'])
  const { secret } = await migrate(key.id)
  expect(await exchange(key.secret)).toEqual([400, 'unauthorized_client'])
  expect(await exchange(secret)).toEqual([200, undefined])
})

test('the event tells what changed and how long the legacy secret lives on', async () => {
  const key = await legacy({ permissions: ['agents:read'] })
  const { secret, apiKey } = await migrate(key.id, { permissions: [], overlapSeconds: 60 })
  const event = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { action: 'api_key.migrated', targetId: key.id },
  })
  expect(JSON.parse(event.changes)).toEqual([
    { field: 'permissions', before: '["agents:read"]', after: '[]' },
    {
      field: 'previousSecretExpiresAt',
      before: 'null',
      after: JSON.stringify(apiKey.previousSecretExpiresAt),
    },
  ])
  for (const text of [key.secret, secret]) expect(inspect(event)).not.toContain(text)
})
