import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bucket, Limiter } from '../../src/limits/buckets.ts'
import { createInProcessLimiter } from '../../src/limits/in-process-limiter.ts'
import { openRedis, type SharedRedis } from '../../src/limits/redis.ts'
import { createSharedLimiter } from '../../src/limits/shared-limiter.ts'
import { limiterBehaviour, type TimedLimiter } from '../limits/limiter-behaviour.ts'
import { testRedisUrl } from './test-redis.ts'

let redis: SharedRedis
let client: Redis
let limiter: Limiter

beforeAll(async () => {
  redis = await openRedis(testRedisUrl(), pino({ level: 'silent' }))
  client = new Redis(testRedisUrl())
  // As patient as it takes: on a busy machine, too, it is Redis that is looked at here.
  const patient: SharedRedis = { ...redis, ask: (shared) => shared() }
  limiter = createSharedLimiter(patient, createInProcessLimiter(), () => undefined)
})
afterAll(() => {
  redis.close()
  client.disconnect()
})

const keysOf = (workspaceId: string): string[] =>
  ['key', 'other', 'all'].map((id) => `latchkey:{${workspaceId}}:${id}`)

const passScript = `
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key) - ARGV[1]
  if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
end`

function open(): TimedLimiter {
  const workspaceId = `wsp_${randomUUID()}`
  const keys = keysOf(workspaceId)
  return {
    limiter,
    workspaceId,
    /** Redis's own clock goes on as it does: what is left of each window is made shorter. */
    pass: async (seconds) => {
      await client.eval(passScript, keys.length, ...keys, seconds * 1_000)
    },
  }
}

limiterBehaviour(open)

const key: readonly Bucket[] = [{ subject: 'KEY', id: 'key', limit: 2 }]

// Braces: in a cluster both lie in the same place, or no script could charge both.
test('counters are named after their workspace, in braces, and end with their windows', async () => {
  const { workspaceId } = open()
  const buckets: readonly Bucket[] = [...key, { subject: 'WORKSPACE', id: 'all', limit: 5 }]
  await limiter.charge(workspaceId, buckets, 2)
  await limiter.charge(workspaceId, buckets, 2)
  const names = keysOf(workspaceId)
  expect(await client.mget(names)).toEqual(['2', null, '2'])
  for (const left of [await client.pttl(names[0] ?? ''), await client.pttl(names[2] ?? '')]) {
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(60_000)
  }
})

// Whatever took its end away: a counter that never ends would block for good.
test('a counter without an end is none', async () => {
  const { workspaceId } = open()
  await limiter.charge(workspaceId, key, 2)
  const [name = ''] = keysOf(workspaceId)
  await client.persist(name)
  expect(await limiter.charge(workspaceId, key, 1)).toMatchObject({ isAllowed: true })
  expect(await client.pttl(name)).toBeGreaterThan(0)
})

test('it goes on when Redis has forgotten the script', async () => {
  const { workspaceId } = open()
  await limiter.charge(workspaceId, key, 1)
  await client.script('FLUSH')
  await limiter.charge(workspaceId, key, 1)
  expect(await limiter.charge(workspaceId, key, 1)).toMatchObject({ isAllowed: false })
})
