import { LRUCache } from 'lru-cache'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { RequestError, rateLimited } from '../errors.ts'
import { sourceOf } from '../input/addresses.ts'
import { type CounterOf, windowSeconds } from './address-counter.ts'

/** What an address may do in a minute. */
export const addressLimits = { failedAttempts: 60, introspections: 60 } as const

/** Secrets that are remembered as good ones, and as unknown ones. */
const maxRemembered = 10_000

/**
 * What one server still looks up in a second for an address with too many failures, and for all of
 * them together: enough that the keys of others behind the address come through, and so little that
 * no flood makes the database work.
 */
const lookUpsPerSecond = { address: 5, all: 100 } as const

/** Where something was tried from, and who says so. */
export interface Source {
  /**
   * Undefined: not known, and not limited unless there is a `verifierId`. The connection is gone, or
   * a trusted proxy names none.
   */
  readonly address: string | undefined
  /**
   * The key or person that asks whether the secret of another is good; absent: nobody does. Without
   * an address each unknown secret counts against them once a minute, however often it is asked
   * about: a client of theirs that repeats its mistake takes nothing from the others.
   */
  readonly verifierId?: string
  /**
   * The workspace on whose word it is that address; absent: we saw it. What one says of an address
   * is held against it by that workspace alone.
   */
  readonly workspaceId?: string
}

/** A secret that was presented. */
export interface Presented {
  readonly digest: string
  /**
   * Whether it has the form of the keys made here, its checksum included: typing errors have not, and
   * none of those can be guessed. Absent: it has another form.
   */
  readonly isWellFormed?: boolean
}

/** Limits what comes from an address without a credential that is known. */
export interface FailedAuthLimiter {
  /**
   * Runs `work`, which finds out whose secret it is. Of an address with too many failures only those
   * secrets are looked at that were good before and, a few in a second, well-formed ones that have not
   * failed: who is behind the same address is not locked out.
   *
   * @throws RequestError RATE_LIMITED, or whatever `work` throws: UNAUTHENTICATED MALFORMED and
   *   UNKNOWN count as failures
   */
  guardLookup<T>(source: Source, secret: Presented, work: () => Promise<T>): Promise<T>
  /**
   * The same where `work` verifies a signature before anything is looked up: whoever has a good one
   * has not guessed it, and is let in from whatever address.
   */
  guardSignature<T>(source: Source, digest: string, work: () => Promise<T>): Promise<T>
  /** Takes a secret for a good one from now on: it was made here. */
  markTrusted(digest: string): void
  /**
   * Counts failed attempts, none of which has been told of yet.
   *
   * @throws RequestError RATE_LIMITED for more than an address has: none of them must be told then
   */
  failed(source: Source, times: number): Promise<void>
  /** @throws RequestError RATE_LIMITED for an address with too many failures */
  assertFewFailures(source: Source): Promise<void>
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
export function createFailedAuthLimiter(
  counterOf: CounterOf,
  refused: () => void,
): FailedAuthLimiter {
  const failures = counterOf('failed-attempts')
  const introspections = counterOf('introspections')
  const lookUps = new RateLimiterMemory({ points: 1, duration: 1 })
  const trusted = new LRUCache<string, true>({ max: maxRemembered })
  /** Secrets that were not known to a source: for a minute refused there without a look-up. */
  const unknown = new LRUCache<string, true>({ max: maxRemembered, ttl: windowSeconds * 1_000 })

  const refuse = ({ msBeforeNext }: RateLimiterRes): never => {
    refused()
    // The counter goes by the wall clock, which may be set back.
    throw rateLimited(Math.min(Math.max(1, Math.ceil(msBeforeNext / 1_000)), windowSeconds))
  }
  const refuseAbove = (most: number, count: RateLimiterRes | null): void => {
    if (count !== null && count.consumedPoints > most) refuse(count)
  }
  const keyOf = ({ address, workspaceId = '', verifierId }: Source): string | undefined => {
    const id = address === undefined ? verifierId : sourceOf(address)
    return id && `${workspaceId}|${id}`
  }
  const isUnknown = (key: string, digest: string): boolean => unknown.has(`${key} ${digest}`)

  /** For a source with too many failures. */
  const assertMayLookUp = async (
    key: string,
    { digest, isWellFormed = false }: Presented,
    failed: RateLimiterRes,
  ): Promise<void> => {
    if (!isWellFormed || isUnknown(key, digest)) refuse(failed)
    refuseAbove(lookUpsPerSecond.address, await lookUps.penalty(key))
    refuseAbove(lookUpsPerSecond.all, await lookUps.penalty('all'))
  }

  const countFailures = async (key: string | undefined, times: number): Promise<void> => {
    if (key) refuseAbove(addressLimits.failedAttempts, await failures.penalty(key, times))
  }

  const guardSignature: FailedAuthLimiter['guardSignature'] = async (source, digest, work) => {
    try {
      const value = await work()
      trusted.set(digest, true)
      return value
    } catch (error) {
      const key = keyOf(source)
      if (key && isFailedAttempt(error)) {
        const isRepeated = isUnknown(key, digest)
        unknown.set(`${key} ${digest}`, true)
        // Of many at once all may have been looked up, but no more than the limit are told of it.
        if (source.address !== undefined || !isRepeated) await countFailures(key, 1)
      }
      throw error
    }
  }

  return {
    async guardLookup(source, secret, work) {
      const key = trusted.get(secret.digest) ? undefined : keyOf(source)
      const failed = key && (await failures.get(key))
      if (key && failed && failed.consumedPoints >= addressLimits.failedAttempts)
        await assertMayLookUp(key, secret, failed)
      return await guardSignature(source, secret.digest, work)
    },
    guardSignature,
    markTrusted: (digest) => trusted.set(digest, true),
    failed: (source, times) => countFailures(keyOf(source), times),
    async assertFewFailures(source) {
      const key = keyOf(source)
      if (key) refuseAbove(addressLimits.failedAttempts - 1, await failures.get(key))
    },
    async introspected(address) {
      const key = address && sourceOf(address)
      if (key) refuseAbove(addressLimits.introspections, await introspections.penalty(key))
    },
  }
}
