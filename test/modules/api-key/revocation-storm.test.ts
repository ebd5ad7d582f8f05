import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../setup/eventually.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verdict } from './ask.ts'

useWorkspace()

interface Observation {
  readonly begunAt: number
  readonly verdict: string
}

/** Milliseconds after which a storm ends, whatever has become of its test. */
const longestStorm = 25_000

/** Clients that ask without pause until told to stop; each request with when it began, and what it found. */
function storm(ask: () => Promise<string>) {
  const observations: Observation[] = []
  let isOver = false
  const endsAt = performance.now() + longestStorm
  const client = async (): Promise<void> => {
    while (!isOver && performance.now() < endsAt) {
      const begunAt = performance.now()
      observations.push({ begunAt, verdict: await ask() })
      // An answer out of the cache waits for nothing: timers would never have their turn.
      await turn()
    }
  }
  const clients = Array.from({ length: 8 }, client)
  return {
    /** Until one that began then or later was answered. */
    reaches: (instant: number): Promise<void> =>
      eventually(() =>
        expect(observations.findIndex(({ begunAt }) => begunAt >= instant)).not.toBe(-1),
      ),
    stop: async (): Promise<Observation[]> => {
      isOver = true
      await Promise.all(clients)
      return observations
    },
  }
}

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
}

/** Every way in which a key loses its right, and what it is told from then on. */
const ends: Record<
  string,
  {
    refusal: string
    end(key: { id: string; ownerId: string; memberId: string }): [string, Record<string, unknown>]
  }
> = {
  'a revocation': { refusal: '401 REVOKED', end: ({ id }) => ['revokeApiKey', { id }] },
  'a revocation by a filter': {
    refusal: '401 REVOKED',
    end: ({ ownerId }) => ['revokeApiKeys', { filter: { ownerId } }],
  },
  'a disabling': { refusal: '401 DISABLED', end: ({ id }) => ['disableApiKey', { id }] },
  'a rotation without overlap': {
    refusal: '401 ROTATED',
    end: ({ id }) => ['rotateApiKey', { id, overlapSeconds: 0 }],
  },
  "the owner's removal": {
    refusal: '401 OWNER_REMOVED',
    end: ({ memberId }) => ['removeMember', { id: memberId }],
  },
}

// A request that read the key just before it ended must not put the old right back for later ones.
for (const [name, { refusal, end }] of Object.entries(ends))
  test(`in a storm of requests none that begins after the answer to ${name} passes`, async () => {
    for (let round = 0; round < 4; round += 1) {
      const robot = await seed(world, workspace.secret).machine({
        name: `Robot ${name} ${round}`,
        role: 'MEMBER',
      })
      const key = await makeKey({ ownerId: robot.userId })
      const requests = storm(() => verdict(world, key.secret))
      // In the first round nothing of the key is known yet when it ends.
      if (round > 0) await requests.reaches(0)
      const [mutation, input] = end({ id: key.id, ownerId: robot.userId, memberId: robot.id })
      await done(world, workspace.secret, mutation, '__typename', input)
      const answeredAt = performance.now()
      await requests.reaches(answeredAt)
      const observations = await requests.stop()
      const later = observations.filter(({ begunAt }) => begunAt >= answeredAt)
      expect(later.length).toBeGreaterThan(0)
      expect(new Set(later.map((each) => each.verdict))).toEqual(new Set([refusal]))
      const all = new Set(observations.map((each) => each.verdict))
      expect([...all].filter((each) => each !== 'ACCEPTED' && each !== refusal)).toEqual([])
      if (round > 0) expect(all).toContain('ACCEPTED')
      expect(await verdict(world, key.secret)).toBe(refusal)
    }
  })

// Uses are written while the key changes: neither may undo the other.
test('a key that is disabled under load stays disabled, its uses notwithstanding', async () => {
  const key = await makeKey()
  const requests = storm(() => verdict(world, key.secret))
  await requests.reaches(0)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  await world.deps.usage.flush()
  await requests.stop()
  await world.deps.usage.flush()
  const row = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  expect(row.disabledAt).not.toBeNull()
  expect(await verdict(world, key.secret)).toBe('401 DISABLED')
})

// A narrowed right is a right withdrawn: a list shown afterwards must not hold what it no longer may.
test('in a storm of requests none that begins after the answer to a narrowing has the old rights', async () => {
  const key = await makeKey({ permissions: ['members:read', 'scopes:read'] })
  const requests = storm(async () => {
    const { data } = await world.gql(key.secret, '{ viewer { permissions } }')
    return data.viewer.permissions.join()
  })
  await requests.reaches(0)
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    permissions: ['scopes:read'],
  })
  const answeredAt = performance.now()
  await requests.reaches(answeredAt)
  const seen = await requests.stop()
  const later = seen.filter(({ begunAt }) => begunAt >= answeredAt)
  expect(new Set(later.map((each) => each.verdict))).toEqual(new Set(['scopes:read']))
  expect(new Set(seen.map((each) => each.verdict))).toContain('members:read,scopes:read')
})
