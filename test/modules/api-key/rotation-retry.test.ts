import { expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, directly, verdict } from './ask.ts'

useWorkspace()

const minute = 60_000
const day = 24 * 60 * minute

let count = 0
/** A key that may rotate itself, and its secret, which is in use. */
async function keyInUse(): Promise<{ id: string; secret: string }> {
  const permissions = ['keys:read', 'keys:update']
  const key = await seed(world, workspace.secret).key({ name: `key ${++count}`, permissions })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  return key
}

const selection = 'secret apiKey { rotatedAt previousSecretExpiresAt }'
const rotate = (id: string, input: object = {}, by = workspace.secret): Promise<any> =>
  done(world, by, 'rotateApiKey', selection, { id, ...input })

/** Moves everything that happened to the key into the past; what is to end stays. */
const passes = (keyId: string, milliseconds: number): Promise<void> =>
  directly(world, workspace.id, async (prisma) => {
    const interval = `${milliseconds} milliseconds`
    await prisma.$executeRaw`
      UPDATE "ApiKey" SET "rotatedAt" = "rotatedAt" - ${interval}::interval WHERE id = ${keyId}`
    await prisma.$executeRaw`
      UPDATE "ApiKeySecret" SET "replacedAt" = "replacedAt" - ${interval}::interval
       WHERE "keyId" = ${keyId}`
  })

test('rotateApiKey: within 30 s of another rotation it is a CONFLICT that says when to try again', async () => {
  const key = await keyInUse()
  const { secret, apiKey } = await rotate(key.id)
  const { codes, payload } = await attempt(
    world,
    workspace.secret,
    'rotateApiKey',
    { id: key.id },
    'secret errors { message }',
  )
  expect(codes).toEqual(['CONFLICT'])
  expect(payload.secret).toBeNull()
  expect(payload.errors[0].message).toContain(apiKey.rotatedAt)
  expect(payload.errors[0].message).toContain('30 s')
  for (const either of [key.secret, secret]) expect(await verdict(world, either)).toBe('ACCEPTED')
  // A busy machine takes seconds for what is asked here.
  await passes(key.id, 25_000)
  expect(await outcome(world, workspace.secret, 'rotateApiKey', { id: key.id })).toEqual([
    'CONFLICT input.id',
  ])
  await passes(key.id, 5_000)
  expect(await outcome(world, workspace.secret, 'rotateApiKey', { id: key.id })).toEqual(['done'])
})

test('rotateApiKey: expectedRotatedAt rotates at once if it is right, and is a CONFLICT if not', async () => {
  const key = await keyInUse()
  const rotation = (expectedRotatedAt: string | null) =>
    outcome(world, workspace.secret, 'rotateApiKey', { id: key.id, expectedRotatedAt })
  const stale = ['CONFLICT input.expectedRotatedAt']
  expect(await rotation('2026-01-01T00:00:00Z')).toEqual(stale)
  expect(await rotation('yesterday')).toEqual(['INVALID input.expectedRotatedAt'])
  const first = await rotate(key.id)
  expect(await rotation('2026-01-01T00:00:00Z')).toEqual(stale)
  expect(await rotation(null)).toEqual(['CONFLICT input.id'])
  const second = await rotate(key.id, { expectedRotatedAt: first.apiKey.rotatedAt })
  expect(await rotation(first.apiKey.rotatedAt)).toEqual(stale)
  expect(await verdict(world, second.secret)).toBe('ACCEPTED')
})

test.each([
  ['an administrator', () => workspace.secret],
  ['the key itself, by the secret in use', (key: { secret: string }) => key.secret],
])(
  'rotateApiKey: after a lost answer, asked again by %s, the secret in use works on',
  async (_, by) => {
    const key = await keyInUse()
    const lost = await rotate(key.id, { overlapSeconds: 60 }, by(key))
    await passes(key.id, minute / 2)
    const again = await rotate(key.id, { overlapSeconds: 7_200 }, by(key))
    expect(await verdict(world, lost.secret)).toBe('401 ROTATED')
    expect(await verdict(world, key.secret)).toBe('ACCEPTED')
    const overlap = Date.parse(again.apiKey.previousSecretExpiresAt)
    expect(overlap - Date.parse(again.apiKey.rotatedAt)).toBe(7_200_000)
    expect(await verdict(world, again.secret)).toBe('ACCEPTED')
  },
)

test('rotateApiKey: repeated without end, the secret in use ends 7 days after it was first replaced', async () => {
  const key = await keyInUse()
  const { apiKey } = await rotate(key.id, { overlapSeconds: 604_800 })
  const end = Date.parse(apiKey.rotatedAt) + 7 * day
  for (const days of [2, 3]) {
    await passes(key.id, days * day)
    const again = await rotate(key.id, { overlapSeconds: 604_800 })
    const passed = days === 2 ? 2 : 5
    const left = Date.parse(again.apiKey.previousSecretExpiresAt) - (end - passed * day)
    expect(Math.abs(left)).toBeLessThan(minute)
  }
})

test('rotateApiKey: the retry may end the secret in use at once', async () => {
  const key = await keyInUse()
  const lost = await rotate(key.id)
  await passes(key.id, minute)
  const again = await rotate(key.id, { overlapSeconds: 0 })
  for (const ended of [key.secret, lost.secret])
    expect(await verdict(world, ended)).toBe('401 ROTATED')
  expect(await verdict(world, again.secret)).toBe('ACCEPTED')
})

// Who has the old secret, a former holder or a thief, would end the rightful one and keep the key.
test('rotateApiKey: by the previous secret it is FORBIDDEN once the current one has been used', async () => {
  for (const overlapSeconds of [0, 3_600]) {
    const key = await keyInUse()
    const { secret, apiKey } = await rotate(key.id)
    expect(await verdict(world, secret)).toBe('ACCEPTED')
    await passes(key.id, minute)
    const rotation = { id: key.id, overlapSeconds }
    const refused = ['FORBIDDEN ']
    expect(await outcome(world, key.secret, 'rotateApiKey', rotation)).toEqual(refused)
    const expected = { ...rotation, expectedRotatedAt: apiKey.rotatedAt }
    expect(await outcome(world, key.secret, 'rotateApiKey', expected)).toEqual(refused)
    for (const either of [key.secret, secret]) expect(await verdict(world, either)).toBe('ACCEPTED')
    expect(await outcome(world, secret, 'rotateApiKey', rotation)).toEqual(['done'])
  }
})

test.each([
  [
    'a verification',
    async (secret: string) => {
      const input = { secret, cost: 0 }
      return (await done(world, workspace.secret, 'verifyApiKey', 'code', input)).code
    },
  ],
  [
    'an exchange for a token',
    async (secret: string) => (await done(world, secret, 'createAccessToken', 'token', {})).token,
  ],
])('rotateApiKey: %s is a use of the current secret', async (_, use) => {
  const key = await keyInUse()
  const { secret } = await rotate(key.id)
  expect(await use(secret)).toBeTruthy()
  await passes(key.id, minute)
  expect(await outcome(world, key.secret, 'rotateApiKey', { id: key.id })).toEqual(['FORBIDDEN '])
})

// A secret that was refused is in nobody's use, whatever it was sent for.
test('rotateApiKey: a refused request is no use of the current secret', async () => {
  const key = await keyInUse()
  const { secret } = await rotate(key.id)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, secret)).toBe('401 DISABLED')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: key.id })
  await passes(key.id, minute)
  expect(await outcome(world, key.secret, 'rotateApiKey', { id: key.id })).toEqual(['done'])
})
