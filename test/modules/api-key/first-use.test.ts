import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verdict } from './ask.ts'

useWorkspace()

let count = 0
interface Rotated {
  readonly id: string
  readonly old: string
  readonly new: string
  /** Names this rotation, for another one that follows it at once. */
  readonly expectedRotatedAt: string
}

async function rotated(input: object = {}): Promise<Rotated> {
  count += 1
  const key = await seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
  // Known to every cache before it is replaced.
  await verdict(world, key.secret, { address: '10.0.0.1' })
  const { secret, apiKey } = await done(
    world,
    workspace.secret,
    'rotateApiKey',
    'secret apiKey { rotatedAt }',
    { id: key.id, retirePreviousOnFirstUse: true },
  )
  return { id: key.id, old: key.secret, new: secret, expectedRotatedAt: apiKey.rotatedAt }
}

const retirements = (keyId: string): Promise<number> =>
  world.deps.prisma.auditEvent.count({
    where: { action: 'api_key.previous_secret_retired', targetId: keyId },
  })

// A lost answer to the rotation costs nothing, and a key that was taken over is noticed at once.
test('both secrets work until the new one is used, and from then on only the new one', async () => {
  const key = await rotated()
  for (let round = 0; round < 3; round += 1) expect(await verdict(world, key.old)).toBe('ACCEPTED')
  const first = await world.gql(key.new, '{ viewer { apiKey { id previousSecretExpiresAt } } }')
  expect(first).toMatchObject({
    status: 200,
    errors: [],
    data: { viewer: { apiKey: { id: key.id, previousSecretExpiresAt: null } } },
  })
  for (let round = 0; round < 3; round += 1) {
    expect(await verdict(world, key.old)).toBe('401 ROTATED')
    expect(await verdict(world, key.new)).toBe('ACCEPTED')
  }
  expect(await retirements(key.id)).toBe(1)
})

// Many clients may pick up the new secret in the same moment.
test('of many first uses at once each is served, and the retirement is recorded once', async () => {
  const key = await rotated()
  const firsts = await Promise.all(Array.from({ length: 15 }, () => verdict(world, key.new)))
  expect(firsts).toEqual(Array(15).fill('ACCEPTED'))
  expect(await verdict(world, key.old)).toBe('401 ROTATED')
  expect(await retirements(key.id)).toBe(1)
})

// Whether the new secret was used decides which of the two works on: one lock decides the order.
test('rotateApiKey: racing with the first use of the current secret, what was served works on', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id, expectedRotatedAt, ...key } = await rotated()
    const [next, ...uses] = await Promise.all([
      done(world, workspace.secret, 'rotateApiKey', 'secret', { id, expectedRotatedAt }),
      ...Array.from({ length: 4 }, () => verdict(world, key.new)),
    ])
    const isUsed = uses.includes('ACCEPTED')
    expect(await verdict(world, key.new)).toBe(isUsed ? 'ACCEPTED' : '401 ROTATED')
    expect(await verdict(world, key.old)).toBe(isUsed ? '401 ROTATED' : 'ACCEPTED')
    expect(await verdict(world, next.secret)).toBe('ACCEPTED')
  }
})

// Who cannot use the key does not use it: a refused attempt must not lock the old secret out.
test('a refused request with the new secret retires nothing', async () => {
  const key = await rotated({ allowedIps: ['10.0.0.0/8'] })
  expect(await verdict(world, key.new, { address: '192.0.2.1' })).toBe('401 IP_NOT_ALLOWED')
  const headers = { 'x-workspace-id': 'another-workspace' }
  expect(await verdict(world, key.new, { address: '10.0.0.1', headers })).toBe(
    '404 WORKSPACE_NOT_FOUND',
  )
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, key.new, { address: '10.0.0.1' })).toBe('401 DISABLED')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, key.old, { address: '10.0.0.1' })).toBe('ACCEPTED')
  expect(await retirements(key.id)).toBe(0)
  expect(await verdict(world, key.new, { address: '10.0.0.1' })).toBe('ACCEPTED')
  expect(await verdict(world, key.old, { address: '10.0.0.1' })).toBe('401 ROTATED')
})

// The request that retires is a request like any other, also one that changes something.
test('the first use may be a mutation, and even the next rotation', async () => {
  const key = await rotated({ permissions: ['keys:read', 'keys:update'] })
  const { id, expectedRotatedAt } = key
  const next = await done(world, key.new, 'rotateApiKey', 'secret', { id, expectedRotatedAt })
  expect(await verdict(world, key.old)).toBe('401 ROTATED')
  expect(await verdict(world, key.new)).toBe('ACCEPTED')
  expect(await verdict(world, next.secret)).toBe('ACCEPTED')
})

// What was asked for one rotation must not linger for another.
test('a later rotation without it keeps its whole overlap', async () => {
  const { id, expectedRotatedAt, ...key } = await rotated()
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id,
    expectedRotatedAt,
  })
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await verdict(world, key.new)).toBe('401 ROTATED')
  expect(await verdict(world, key.old)).toBe('ACCEPTED')
})
