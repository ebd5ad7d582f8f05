import { randomInt } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { metricsOf } from '../setup/metrics.ts'
import { seed } from '../setup/seed.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'
import { createWorld } from '../setup/world.ts'
import { testRedisUrl } from './test-redis.ts'

/** As many as an address has introspections. */
const limit = 60

async function open() {
  const proxy = await tcpProxy(testRedisUrl())
  onTestFinished(() => proxy.close())
  const world = await createWorld({ limits: { redisUrl: proxy.url } })
  onTestFinished(() => world.close())
  const workspace = await world.createWorkspace()
  const { secret } = await seed(world, workspace.secret).key({
    name: 'Limited',
    requestsPerMinute: limit,
  })
  // One that no other run uses.
  const address = `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`
  return {
    proxy,
    until: (value: number) =>
      vi.waitFor(
        async () => expect((await metricsOf(world.app)).get('latchkey_redis_up')).toBe(value),
        { timeout: 60_000, interval: 5 },
      ),
    asks: {
      'requests of a key': () => world.gql(secret, '{ viewer { kind } }'),
      'introspections from an address': () =>
        world.gql(null, '{ __schema { queryType { name } } }', undefined, { address }),
    },
  }
}

// docs/operations.md: what was left of a limit may pass once more for each server.
test.each(['requests of a key', 'introspections from an address'] as const)(
  'however often the connection to Redis breaks in a minute, the limit of %s passes at most twice',
  async (what) => {
    const { proxy, until, asks } = await open()
    const passing = async (count: number): Promise<number> => {
      const answers = await Promise.all(Array.from({ length: count }, asks[what]))
      return answers.filter(({ status }) => status === 200).length
    }
    await until(1)
    let passed = await passing(1)
    for (let round = 1; round <= 4; round++) {
      proxy.cut()
      await until(0)
      passed += await passing(limit)
      proxy.mend()
      await until(1)
      passed += await passing(1)
    }
    expect(passed).toBeGreaterThan(limit)
    expect(passed).toBeLessThanOrEqual(2 * limit)
  },
)
