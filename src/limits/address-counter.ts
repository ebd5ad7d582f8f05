import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterRes,
} from 'rate-limiter-flexible'
import type { SharedRedis } from './redis.ts'

/** A counter for each address, of one minute from its first count on. */
export type AddressCounter = Pick<RateLimiterAbstract, 'get' | 'penalty'>

/** Makes a counter of what the name says. */
export type CounterOf = (name: string) => AddressCounter

/** How long a count goes on from the first one. */
export const windowSeconds = 60

/** The points are compared by who counts. */
const options = { points: 1, duration: windowSeconds }

/** Counters in this process's memory. */
export const inProcessCounters = (name: string) =>
  new RateLimiterMemory({ ...options, keyPrefix: name })

/**
 * Counters in Redis, for all servers together; while it is away, in this process's memory, from what
 * Redis last answered or, where that is more, what was counted in this process before.
 */
export const sharedCounters =
  (redis: SharedRedis): CounterOf =>
  (name) => {
    const inProcess = inProcessCounters(name)
    const keyPrefix = `latchkey:${name}`
    const shared = new RateLimiterRedis({ ...options, keyPrefix, storeClient: redis.client })
    const ask = <Count extends RateLimiterRes | null>(
      address: string | number,
      of: (counter: AddressCounter) => Promise<Count>,
    ): Promise<Count> =>
      redis.ask(
        async () => {
          const count = await of(shared)
          const least = (await inProcess.get(address))?.consumedPoints ?? 0
          // Without an end it would stay in memory for good.
          if (count !== null && count.msBeforeNext > 0 && count.consumedPoints >= least)
            await inProcess.set(address, count.consumedPoints, count.msBeforeNext / 1_000)
          return count
        },
        () => of(inProcess),
      )
    return {
      get: (address) => ask(address, (counter) => counter.get(address)),
      penalty: (address, points) => ask(address, (counter) => counter.penalty(address, points)),
    }
  }
