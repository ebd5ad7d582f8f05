import type { RateLimiterRes } from 'rate-limiter-flexible'
import { RequestError, rateLimited } from '../errors.ts'
import { sourceOf } from '../input/addresses.ts'
import { Recent } from '../recent.ts'
import { type CounterOf, windowSeconds } from './address-counter.ts'

/** What an address may do in a minute. */
export const addressLimits = { failedAttempts: 60, introspections: 60 } as const

/** Secrets that are remembered as good ones. */
const maxTrusted = 10_000

/** Where something was tried from, and who says so. */
export interface Source {
  /** Undefined: not known, and not limited. The connection is gone, or a trusted proxy names none. */
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
  /**
   * The same where `work` verifies a signature before anything is looked up: whoever has a good one
   * has not guessed it, and is let in from whatever address.
   */
  signed<T>(source: Source, digest: string, work: () => Promise<T>): Promise<T>
  /** Takes a secret for a good one from now on: it was made here. */
  trust(digest: string): void
  /** @throws RequestError RATE_LIMITED for one introspection without a credential too many */
  introspected(address: string | undefined): Promise<void>
}

const isFailedAttempt = (error: unknown): boolean =>
  error instanceof RequestError &&
  error.code === 'UNAUTHENTICATED' &&
  (error.details.reason === 'MALFORMED' || error.details.reason === 'UNKNOWN')

/**
 * Limits by these counters, and calls `refused` for each request that it refuses. Nothing but
 * addresses, and ids of workspaces, is given to the counters.
 */
export function createAttempts(counterOf: CounterOf, refused: () => void): Attempts {
  const failures = counterOf('failed-attempts')
  const introspections = counterOf('introspections')
  const trusted = new Recent<true>(maxTrusted)

  const refuseAbove = (most: number, count: RateLimiterRes | null): void => {
    if (count === null || count.consumedPoints <= most) return
    refused()
    const seconds = Math.ceil(count.msBeforeNext / 1_000)
    // The counter goes by the wall clock, which may be set back.
    throw rateLimited(Math.min(Math.max(1, seconds), windowSeconds))
  }
  const keyOf = ({ address, workspaceId = '' }: Source): string | undefined =>
    address && `${workspaceId}|${sourceOf(address)}`

  const signed: Attempts['signed'] = async (source, digest, work) => {
    try {
      const value = await work()
      trusted.set(digest, true)
      return value
    } catch (error) {
      const key = keyOf(source)
      // Of many at once all may have been looked up, but no more than the limit are told of it.
      if (key && isFailedAttempt(error))
        refuseAbove(addressLimits.failedAttempts, await failures.penalty(key))
      throw error
    }
  }

  return {
    async limited(source, digest, work) {
      const key = trusted.get(digest) ? undefined : keyOf(source)
      if (key) refuseAbove(addressLimits.failedAttempts - 1, await failures.get(key))
      return await signed(source, digest, work)
    },
    signed,
    trust: (digest) => trusted.set(digest, true),
    async introspected(address) {
      const key = address && sourceOf(address)
      if (key) refuseAbove(addressLimits.introspections, await introspections.penalty(key))
    },
  }
}
