import type { Logger } from 'pino'
import type { Metrics } from '../metrics.ts'
import { type Awaitable, whenKnown } from '../when-known.ts'
import { inProcessCounters, sharedCounters } from './address-counter.ts'
import {
  type BucketState,
  bucketOwnerOf,
  bucketsOf,
  type Charge,
  type Charged,
  chargeOf,
} from './buckets.ts'
import { createFailedAuthLimiter, type FailedAuthLimiter } from './failed-auth.ts'
import { createInProcessLimiter } from './in-process-limiter.ts'
import { builtInPlans, type PlanTable } from './plans.ts'
import { openRedis } from './redis.ts'
import { createSharedLimiter } from './shared-limiter.ts'

/** What is limited, and how much of it has been used. */
export interface Limits {
  readonly plans: PlanTable
  readonly failedAuth: FailedAuthLimiter
  /** Charges what somebody asks for to their key and workspace; a cost of 0 only looks. */
  charge(principal: Charged, cost: number): Awaitable<Charge>
  /** Ends the connection to Redis, at once. */
  close(): void
}

export interface LimitsOptions {
  readonly plans?: PlanTable
  /** Of the Redis in which servers count together; absent: each counts for itself. */
  readonly redisUrl?: string | undefined
  readonly logger: Logger
  readonly metrics: Metrics
}

/**
 * Limits that are counted in Redis or, without one and as long as it does not answer, in this
 * process.
 */
export async function createLimits(options: LimitsOptions): Promise<Limits> {
  const { plans = builtInPlans, redisUrl, logger, metrics } = options
  const inProcess = createInProcessLimiter()
  const redis = redisUrl === undefined ? undefined : await openRedis(redisUrl, logger)
  const limiter =
    redis === undefined
      ? inProcess
      : createSharedLimiter(redis, inProcess, metrics.watchRedis(redis.isUp))
  const counters = redis === undefined ? inProcessCounters : sharedCounters(redis)
  return {
    plans,
    failedAuth: createFailedAuthLimiter(counters, () => metrics.countRefused('ADDRESS')),
    charge(principal, cost) {
      const buckets = bucketsOf(plans, principal)
      if (buckets.length === 0) return chargeOf(true, [], cost)
      return whenKnown(limiter.charge(bucketOwnerOf(principal), buckets, cost), (charge) => {
        if (charge.isAllowed) return charge
        const isFull = ({ limit, remaining }: BucketState) => limit === 0 || remaining < cost
        const tooFull = charge.states.find(isFull)
        if (tooFull !== undefined) metrics.countRefused(tooFull.subject)
        return charge
      })
    },
    close: () => redis?.close(),
  }
}
