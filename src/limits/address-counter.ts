import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
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
export const inProcessCounters: CounterOf = (name) =>
  new RateLimiterMemory({ ...options, keyPrefix: name })

/** Counters in Redis, for all servers together; where it does not answer, in this process's memory. */
export const sharedCounters =
  (redis: SharedRedis): CounterOf =>
  (name) => {
    const inProcess = inProcessCounters(name)
    const keyPrefix = `latchkey:${name}`
    const shared = new RateLimiterRedis({ ...options, keyPrefix, storeClient: redis.client })
    return {
      get: (address) =>
        redis.ask(
          () => shared.get(address),
          () => inProcess.get(address),
        ),
      penalty: (address, points) =>
        redis.ask(
          () => shared.penalty(address, points),
          () => inProcess.penalty(address, points),
        ),
    }
  }
