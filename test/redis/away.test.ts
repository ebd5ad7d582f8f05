import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { metricsOf, unanswered } from '../setup/metrics.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { type OwnRedis, ownRedis } from './own-redis.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 240_000 })

const query = '{ viewer { kind } }'

/** Requests without a pause, by a key that may and one that soon may not, until it is stopped. */
function load(world: World, secrets: readonly string[]) {
  const statuses = new Map<number, number>()
  let isStopped = false
  const client = async (secret: string): Promise<void> => {
    while (!isStopped) {
      const { status } = await world.gql(secret, query)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await sleep(5)
    }
  }
  const clients = [...secrets, ...secrets, ...secrets].map(client)
  return {
    countOf: (status: number): number => statuses.get(status) ?? 0,
    stop: async () => {
      isStopped = true
      await Promise.all(clients)
      return [...statuses.keys()].sort()
    },
  }
}

const isUp = async (world: World): Promise<boolean> =>
  (await metricsOf(world.app)).get('latchkey_redis_up') === 1

const until = async (condition: () => Promise<boolean>): Promise<void> =>
  await vi.waitFor(async () => expect(await condition()).toBe(true), {
    timeout: 60_000,
    interval: 20,
  })

async function open() {
  const redis = await ownRedis()
  await redis.start()
  const world = await createWorld({ limits: { redisUrl: redis.url } })
  onTestFinished(() => world.close())
  const workspace = await world.createWorkspace()
  const { key } = seed(world, workspace.secret)
  const keys = [
    await key({ name: 'Much', requestsPerMinute: 1_000_000 }),
    await key({ name: 'Little', requestsPerMinute: 3 }),
  ]
  return { redis, world, secrets: keys.map(({ secret }) => secret) }
}

const ways: Record<string, readonly ((redis: OwnRedis) => Promise<void> | void)[]> = {
  hangs: [(redis) => redis.hang(), (redis) => redis.resume()],
  'is killed': [(redis) => redis.kill(), (redis) => redis.start()],
}

// Limits are there to protect what is served: they must not end it.
test.each(Object.entries(ways))(
  'under load, while Redis %s and is back, no request fails for it',
  async (_, [leave, comeBack]) => {
    const { redis, world, secrets } = await open()
    await until(() => isUp(world))
    const { countOf, stop } = load(world, secrets)
    const inProcess = async (): Promise<number> => unanswered(await metricsOf(world.app))

    for (let round = 1; round <= 2; round++) {
      const before = await inProcess()
      await leave?.(redis)
      await until(async () => !(await isUp(world)))
      await until(async () => (await inProcess()) > before + 100)
      const refused = countOf(429)
      await until(() => Promise.resolve(countOf(429) > refused))

      await comeBack?.(redis)
      await until(() => isUp(world))
      const passed = countOf(200)
      const counted = await inProcess()
      // Most of what passes from here on is counted in Redis again.
      await until(() => Promise.resolve(countOf(200) > passed + 100))
      expect((await inProcess()) - counted).toBeLessThan(100)
    }

    expect(await stop()).toEqual([200, 429])
    const told = world.logs.flatMap((line) => /Redis is (?:away|back)/.exec(line) ?? [])
    expect(told.length).toBeGreaterThanOrEqual(4)
    // By turns: no request tells of it again.
    expect(told).toEqual(told.map((_, index) => `Redis is ${index % 2 === 0 ? 'away' : 'back'}`))
  },
)
