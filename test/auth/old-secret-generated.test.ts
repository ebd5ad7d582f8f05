import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inSeconds } from '../modules/access-token/ask.ts'
import { attempt, directly } from '../modules/api-key/ask.ts'
import { done } from '../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'keys:read', 'keys:create', 'keys:update']
const asOwner = (mutation: string, selection: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, selection, { ...input })

/** A credential that came of the old secret; a key has an id. */
interface Derived {
  readonly secret: string
  readonly id?: string
}

/** Roads to a further credential, and those to another key than what it has made. */
const roads = ['createApiKey', 'createAccessToken', 'rotateAccessToken', 'rotate itself'] as const
const others = ['rotateApiKey', 'transferApiKey', 'updateApiKey', 'enableApiKey'] as const
const isOfAnother = (road: string): road is (typeof others)[number] =>
  others.some((other) => other === road)

/** Who asks, and what for. */
const step = fc.record({
  by: fc.nat(),
  road: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...roads) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  ),
  seconds: fc.integer({ min: 20, max: 550 }),
})
const ends = [
  'overlap',
  'rotation',
  'first use',
  'transfer',
  'revocation',
  'removal',
  'expiry',
] as const
const story = fc.record({
  end: fc.constantFrom(...ends),
  /** How many of the steps come before the secret is replaced: by tokens only, which end with it. */
  early: fc.nat({ max: 2 }),
  steps: fc.array(step, { minLength: 6, maxLength: 6 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Key {
  readonly id: string
  readonly memberId: string
  readonly ownerId: string
  readonly secret: string
}

async function replacedKey(): Promise<Key> {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const input = { name: name(), ownerId: robot.userId, permissions: manages }
  return { ...(await make.key(input)), memberId: robot.id, ownerId: robot.userId }
}

/** Whatever this gives goes on by what the old secret gave. Undefined: it was refused. */
async function take(
  { ownerId }: Key,
  derived: readonly Derived[],
  { by, road, seconds }: Step,
): Promise<Derived | undefined> {
  // By itself the key could replace what it was never answered with: that would be the new secret.
  const askers = road === 'rotate itself' ? derived.filter((it) => it.id !== undefined) : derived
  const asker = askers[by % askers.length]
  if (asker === undefined) return undefined
  const expiresAt = inSeconds(seconds).toISOString()
  if (isOfAnother(road)) {
    const key = await make.key({ name: name(), ownerId, expiresAt, permissions: ['keys:read'] })
    if (road === 'enableApiKey') await asOwner('disableApiKey', '__typename', { id: key.id })
    const { userId } = await make.machine({ name: name(), role: 'MEMBER' })
    const input = {
      rotateApiKey: {},
      transferApiKey: { ownerId: userId },
      updateApiKey: { permissions: manages },
      enableApiKey: {},
    }[road]
    const its = { id: key.id, ...input }
    const selection = ['rotateApiKey', 'transferApiKey'].includes(road) ? 'secret' : ''
    const { codes, payload } = await attempt(world, asker.secret, road, its, selection)
    return codes.length > 0 ? undefined : { secret: payload.secret ?? key.secret }
  }
  const inputs = {
    createApiKey: { name: name(), ownerId, permissions: manages, expiresAt },
    createAccessToken: {},
    rotateAccessToken: {},
    'rotate itself': { id: asker.id, overlapSeconds: seconds },
  }
  const selection = road.includes('Token') ? 'token' : 'secret apiKey { id }'
  const mutation = road === 'rotate itself' ? 'rotateApiKey' : road
  const { codes, payload } = await attempt(world, asker.secret, mutation, inputs[road], selection)
  if (codes.length > 0) return undefined
  return { secret: payload.secret ?? payload.token, id: payload.apiKey?.id }
}

async function endBy(end: (typeof ends)[number], key: Key, newSecret: string): Promise<void> {
  const { id, memberId } = key
  const use = () => world.gql(newSecret, '{ viewer { kind } }')
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  const expectedRotatedAt = rotatedAt?.toISOString()
  const by = {
    overlap: () =>
      directly(world, workspace.id, (prisma) =>
        prisma.apiKeySecret.updateMany({
          where: { keyId: id, endsAt: { not: null } },
          data: { endsAt: inSeconds(-1) },
        }),
      ),
    rotation: async () => {
      await use()
      await asOwner('rotateApiKey', 'secret', { id, expectedRotatedAt })
    },
    'first use': use,
    transfer: async () => {
      const { userId } = await make.machine({ name: name(), role: 'ADMIN' })
      await asOwner('transferApiKey', 'secret', { id, ownerId: userId })
    },
    revocation: () => asOwner('revokeApiKey', '__typename', { id }),
    removal: () => asOwner('removeMember', '__typename', { id: memberId }),
    expiry: () =>
      directly(world, workspace.id, (prisma) =>
        prisma.apiKey.updateMany({ where: { id }, data: { expiresAt: inSeconds(-1) } }),
      ),
  }
  await by[end]()
}

// Whoever has a secret that is being replaced must be rid of all that came of it once it ends.
test('rotateApiKey: of what a replaced secret made by any roads, and what that made, nothing outlives it', async () => {
  const made: Record<string, number> = {}
  for (const { end, early, steps } of fc.sample(story, { numRuns: 14, seed: 20_261_130 })) {
    const key = await replacedKey()
    const derived: Derived[] = [{ secret: key.secret }]
    const tokens = async (road: 'createAccessToken' | 'rotateAccessToken', by: number) =>
      derived.push(
        ...[await take(key, derived, { by, road, seconds: 60 })].flatMap((it) => it ?? []),
      )
    if (early > 0) await tokens('createAccessToken', 0)
    if (early > 1) await tokens('rotateAccessToken', 1)
    const { secret } = await asOwner('rotateApiKey', 'secret', {
      id: key.id,
      overlapSeconds: 600,
      retirePreviousOnFirstUse: end === 'first use',
    })
    for (const each of steps) {
      const taken = await take(key, derived, each)
      if (taken === undefined) continue
      derived.push(taken)
      made[each.road] = (made[each.road] ?? 0) + 1
    }
    await endBy(end, key, secret)
    const alive: Derived[] = []
    for (const each of derived)
      if ((await world.gql(each.secret, '{ viewer { kind } }')).status === 200) alive.push(each)
    expect({ end, early, steps, alive }).toMatchObject({ alive: [] })
  }
  for (const road of roads) expect([road, (made[road] ?? 0) > 1]).toEqual([road, true])
  expect(Object.keys(made).filter(isOfAnother)).toEqual([])
})
