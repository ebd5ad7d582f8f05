import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible'
import { RequestError, rateLimited } from '../errors.ts'
import { sourceOf } from '../input/addresses.ts'
import { Recent } from '../recent.ts'

/** What an address may do in a minute. */
export const addressLimits = { failedAttempts: 60, introspections: 60 } as const

const durationSeconds = 60
/** Secrets that are remembered as good ones. */
const maxTrusted = 10_000

/** Where something was tried from, and who says so. */
export interface Source {
  /** Undefined: not known, and not limited. The connection is gone by then. */
  readonly address: string | undefined
  /**
   * The workspace on whose word it is that address; absent: we saw it. What one says of an address
   * is held against it by that workspace alone.
   */
  readonly workspaceId?: string
}

/** Limits what comes from an address without a credential that is known. */
export interface Attempts {
  /**
   * Runs `work`, which finds out whose secret it is. Of an address with too many failures only those
   * secrets are looked at that were good before: who is behind the same address is not locked out.
   *
   * @throws RequestError RATE_LIMITED, or whatever `work` throws: UNAUTHENTICATED MALFORMED and
   *   UNKNOWN count as failures
   */
  limited<T>(source: Source, digest: string, work: () => Promise<T>): Promise<T>
  /** @throws RequestError RATE_LIMITED for one introspection without a credential too many */
  introspected(address: string | undefined): Promise<void>
}

/** A counter for each address, of one minute from its first count on. */
export type AddressCounter = Pick<RateLimiterAbstract, 'get' | 'penalty'>

/** A counter in this process's memory. */
export const inProcessCounter = (keyPrefix: string): AddressCounter =>
  new RateLimiterMemory({ keyPrefix, points: 1, duration: durationSeconds })

const isFailedAttempt = (error: unknown): boolean =>
  error instanceof RequestError &&
  error.code === 'UNAUTHENTICATED' &&
  (error.details.reason === 'MALFORMED' || error.details.reason === 'UNKNOWN')

/** Limits by these counters. */
export function createAttempts(
  counterOf: (keyPrefix: string) => AddressCounter = inProcessCounter,
): Attempts {
  const failures = counterOf('failed-attempts')
  const introspections = counterOf('introspections')
  const trusted = new Recent<true>(maxTrusted)

  const assertFewer = async (counter: AddressCounter, key: string, most: number): Promise<void> => {
    const count = await counter.get(key)
    if (count !== null && count.consumedPoints >= most)
      throw rateLimited(Math.max(1, Math.ceil(count.msBeforeNext / 1_000)))
  }

  return {
    async limited({ address, workspaceId = '' }, digest, work) {
      const key = address && `${workspaceId}|${sourceOf(address)}`
      if (key && !trusted.get(digest))
        await assertFewer(failures, key, addressLimits.failedAttempts)
      try {
        const value = await work()
        trusted.set(digest, true)
        return value
      } catch (error) {
        if (key && isFailedAttempt(error)) await failures.penalty(key)
        throw error
      }
    },
    async introspected(address) {
      const key = address && sourceOf(address)
      if (!key) return
      await assertFewer(introspections, key, addressLimits.introspections)
      await introspections.penalty(key)
    },
  }
}
