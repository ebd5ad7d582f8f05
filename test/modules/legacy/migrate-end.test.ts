import { beforeEach, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'

let workspace: TestWorkspace

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
const setSunset = (at: Date) =>
  done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', {
    legacyKeySunsetAt: at.toISOString(),
  })
const migrate = async (id: string, input: object = {}) =>
  done(
    world,
    workspace.secret,
    'migrateLegacyKey',
    'secret apiKey { previousSecretExpiresAt effectiveExpiresAt }',
    { id, ...input },
  )
const make = () => importOne(world, workspace.secret, legacyKey(workspace.ownerId))
const previousEnd = async (id: string) =>
  (
    await world.gql(
      workspace.secret,
      'query ($id: ID!) { apiKey(id: $id) { previousSecretExpiresAt } }',
      { id },
    )
  ).data.apiKey.previousSecretExpiresAt

test('the legacy secret ends at the sunset at the latest, the key itself goes on', async () => {
  const key = await make()
  const sunset = inSeconds(600)
  await setSunset(sunset)
  const { apiKey } = await migrate(key.id, { overlapSeconds: 604_800 })
  expect(apiKey).toEqual({
    previousSecretExpiresAt: sunset.toISOString(),
    effectiveExpiresAt: null,
  })
})

test('what the legacy secret makes after the migration ends with it, also when the sunset moves', async () => {
  const permissions = ['keys:read', 'keys:create']
  const key = await importOne(
    world,
    workspace.secret,
    legacyKey(workspace.ownerId, { permissions }),
  )
  const { apiKey } = await migrate(key.id, { overlapSeconds: 600 })
  const made = await seed(world, key.secret).key({
    name: 'made',
    permissions,
    expiresAt: apiKey.previousSecretExpiresAt,
  })
  const sunset = inSeconds(60)
  await setSunset(sunset)
  const query = '{ viewer { apiKey { effectiveExpiresAt } } }'
  const { data } = await world.gql(made.secret, query)
  expect(data.viewer.apiKey.effectiveExpiresAt).toBe(sunset.toISOString())
})

test('the legacy secret ends with the expiry that the migration gives', async () => {
  const key = await make()
  const expiresAt = inSeconds(500).toISOString()
  const { apiKey } = await migrate(key.id, { expiresAt })
  expect(apiKey).toEqual({ previousSecretExpiresAt: expiresAt, effectiveExpiresAt: expiresAt })
})

// Past the sunset no secret of the old system is accepted, however it was to end.
test('an earlier sunset ends the overlap of what was migrated, and a later one does not bring it back', async () => {
  const key = await make()
  const { secret } = await migrate(key.id, { overlapSeconds: 604_800 })
  const sunset = inSeconds(500)
  await setSunset(sunset)
  expect(await previousEnd(key.id)).toBe(sunset.toISOString())
  await setSunset(inSeconds(100_000))
  expect(await previousEnd(key.id)).toBe(sunset.toISOString())
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  await setSunset(inSeconds(-1))
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('rotateApiKey: asked again for a migrated key, its legacy secret still ends by the sunset', async () => {
  const key = await make()
  await migrate(key.id)
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  const sunset = inSeconds(500)
  await setSunset(sunset)
  await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id: key.id,
    expectedRotatedAt: rotatedAt,
  })
  expect(await previousEnd(key.id)).toBe(sunset.toISOString())
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

test('an overlap of ordinary secrets has nothing to do with the sunset', async () => {
  const key = await seed(world, workspace.secret).key({ name: 'ordinary' })
  const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
  await setSunset(inSeconds(-1))
  for (const secret of [key.secret, rotated.secret])
    expect(await verdict(world, secret)).toBe('ACCEPTED')
})

// Who takes the sunset off a key lets it live longer, which nobody does for themselves.
test('a key migrates itself to an end by the sunset, where there is one', async () => {
  const member = await seed(world, workspace.secret).machine({ name: 'M', role: 'MEMBER' })
  const declared = ['keys:read', 'keys:update', 'members:read']
  const keys = await Promise.all(
    [1, 2, 3].map(() =>
      importOne(world, workspace.secret, legacyKey(member.userId, { permissions: declared })),
    ),
  )
  const [free, bound, narrowed] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]]
  const itself = ({ id, secret }: { id: string; secret: string }, input: object = {}) =>
    outcome(world, secret, 'migrateLegacyKey', { id, ...input })
  // What its owner's role cuts off, it declares and does not hold; without a sunset nothing grows.
  expect(await itself(free ?? bound)).toEqual(['done'])
  const sunset = inSeconds(600)
  await setSunset(sunset)
  const late = { expiresAt: new Date(sunset.getTime() + 1).toISOString() }
  for (const input of [{}, late])
    expect(await itself(bound, input)).toEqual([
      'PERMISSION_NOT_GRANTABLE input.permissions.2',
      'EXPIRY_NOT_ALLOWED input.expiresAt',
    ])
  expect(await itself(bound, { expiresAt: sunset.toISOString() })).toEqual(['done'])
  const less = { permissions: declared.slice(0, 2) }
  expect(await itself(narrowed, less)).toEqual(['EXPIRY_NOT_ALLOWED input.expiresAt'])
})
