import type { Result } from 'ioredis'
import { type Bucket, chargeOf, type Fill, type Limiter, windowMs } from './buckets.ts'
import type { InProcessLimiter } from './in-process-limiter.ts'
import type { SharedRedis } from './redis.ts'

/**
 * Charges `ARGV[1]` to every bucket or, where one has no room for it, to none: the same decision as
 * `hasRoom`, and no other server's can come between. `ARGV[2]` is the length of a window, then come
 * the limits in the order of the keys. Answers whether it was charged, and for each bucket what is
 * used of it and how many milliseconds its window goes on: -1, it has none. A counter that has lost
 * its end counts as none, or it would block for good.
 */
const chargeScript = `
local cost, window = tonumber(ARGV[1]), ARGV[2]
local used, left = {}, {}
local allowed = 1
for i, key in ipairs(KEYS) do
  left[i] = redis.call('PTTL', key)
  if left[i] < 0 then
    used[i], left[i] = 0, -1
  else
    used[i] = tonumber(redis.call('GET', key)) or 0
  end
  local limit = tonumber(ARGV[i + 2])
  if limit <= 0 or (cost > 0 and used[i] + cost > limit) then allowed = 0 end
end
local answer = { allowed }
for i, key in ipairs(KEYS) do
  if allowed == 1 and cost > 0 then
    used[i] = used[i] + cost
    if left[i] < 0 then
      redis.call('SET', key, cost, 'PX', window)
      left[i] = tonumber(window)
    else
      redis.call('INCRBY', key, cost)
    end
  end
  answer[#answer + 1] = used[i]
  answer[#answer + 1] = left[i]
end
return answer
`

declare module 'ioredis' {
  interface RedisCommander<Context> {
    chargeBuckets(keys: number, ...keysAndArguments: (string | number)[]): Result<number[], Context>
  }
}

/** The braces put an owner's buckets into one slot of a cluster. */
const keyOf = (ownerId: string, { id }: Bucket): string => `latchkey:{${ownerId}}:${id}`

/** @throws Error for anything but so many numbers: what is not understood must not let through */
function numbersIn(answer: unknown, count: number): number[] {
  const isUnderstood =
    Array.isArray(answer) && answer.length === count && answer.every(Number.isSafeInteger)
  if (!isUnderstood) throw new Error('an answer of another shape than the script gives')
  return answer
}

const fillOf = (used = 0, left = -1): Fill => ({ used, leftMs: left < 0 ? null : left })

/**
 * Counts in Redis, for all servers together; while it is away, as `inProcess` counts on from what Redis
 * last answered or, where that is more, from what it counted itself, and `unanswered` is called. What is
 * counted meanwhile is not charged to Redis.
 */
export function createSharedLimiter(
  redis: SharedRedis,
  inProcess: InProcessLimiter,
  unanswered: () => void,
): Limiter {
  redis.client.defineCommand('chargeBuckets', { lua: chargeScript })
  return {
    async charge(ownerId, buckets, cost) {
      const charged = async () => {
        const answer = await redis.client.chargeBuckets(
          buckets.length,
          ...buckets.map((bucket) => keyOf(ownerId, bucket)),
          cost,
          windowMs,
          ...buckets.map(({ limit }) => limit),
        )
        const [isAllowed, ...fills] = numbersIn(answer, 1 + 2 * buckets.length)
        const filled = buckets.map((bucket, index) => ({
          bucket,
          fill: fillOf(fills[2 * index], fills[2 * index + 1]),
        }))
        inProcess.adopt(ownerId, filled)
        return chargeOf(isAllowed === 1, filled, cost)
      }
      return await redis.ask(charged, () => {
        unanswered()
        return inProcess.charge(ownerId, buckets, cost)
      })
    },
  }
}
