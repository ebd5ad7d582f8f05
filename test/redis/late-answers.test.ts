import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { metricsOf } from '../setup/metrics.ts'
import { seed } from '../setup/seed.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'
import { createWorld } from '../setup/world.ts'
import { testRedisUrl } from './test-redis.ts'

const limit = 50

/** A server whose way to Redis can be held up, and a key of 50 requests in a minute. */
async function open() {
  const proxy = await tcpProxy(testRedisUrl())
  onTestFinished(() => proxy.close())
  const world = await createWorld({ limits: { redisUrl: proxy.url } })
  onTestFinished(() => world.close())
  const workspace = await world.createWorkspace()
  const { key } = seed(world, workspace.secret)
  const { id, secret } = await key({ name: 'Limited', requestsPerMinute: limit })
  const redis = new Redis(testRedisUrl())
  onTestFinished(() => redis.disconnect())
  const isUp = async () => (await metricsOf(world.app)).get('latchkey_redis_up')
  await vi.waitFor(async () => expect(await isUp()).toBe(1), { timeout: 60_000 })
  return {
    proxy,
    isUp,
    /** As another server charges the key. */
    chargeElsewhere: (count: number) => redis.incrby(`latchkey:{${workspace.id}}:${id}`, count),
    /** How many of so many requests at once pass; the others are refused. */
    passing: async (count: number): Promise<number> => {
      const ask = () => world.gql(secret, '{ viewer { kind } }')
      const statuses = (await Promise.all(Array.from({ length: count }, ask))).map(
        (it) => it.status,
      )
      const passed = statuses.filter((status) => status === 200)
      expect(statuses.filter((status) => status === 429)).toHaveLength(count - passed.length)
      return passed.length
    },
  }
}

test('an answer that is late lets no more pass than one in time', async () => {
  const { proxy, passing } = await open()
  expect(await passing(20)).toBe(20)
  proxy.hang()
  const passed = passing(200)
  await sleep(300)
  proxy.mend()
  expect(await passed).toBe(limit - 20)
})

// What others have charged, too: a server that begins anew gives everybody a limit of its own.
test('while Redis hangs a server counts on from what Redis last answered', async () => {
  const { proxy, isUp, chargeElsewhere, passing } = await open()
  expect(await passing(20)).toBe(20)
  await chargeElsewhere(20)
  expect(await passing(1)).toBe(1)
  proxy.hang()
  expect(await passing(100)).toBe(limit - 41)
  expect(await isUp()).toBe(0)
  expect(await passing(10)).toBe(0)
})

test('once Redis answers again it alone counts', async () => {
  const { proxy, isUp, chargeElsewhere, passing } = await open()
  expect(await passing(20)).toBe(20)
  proxy.hang()
  expect(await passing(100)).toBe(limit - 20)
  proxy.mend()
  await vi.waitFor(async () => expect(await isUp()).toBe(1), { timeout: 60_000 })
  // What was asked while it hung may have been charged after all.
  const counted = await chargeElsewhere(0)
  expect(await passing(100)).toBe(Math.max(0, limit - counted))
})
