import { type Caller, type Principal, userIdOf } from '../auth/caller.ts'
import type { Awaitable } from '../when-known.ts'
import { limitsOf, type PlanTable } from './plans.ts'

/** How long a window lasts, from the first request that was charged in it. */
export const windowMs = 60_000

export const limitSubjects = ['KEY', 'WORKSPACE'] as const

/** What is limited: a key, its tokens included, or everything in a workspace. */
export type LimitSubject = (typeof limitSubjects)[number]

/** What requests are charged to. It is the same one through rotations, renames and new limits. */
export interface Bucket {
  readonly subject: LimitSubject
  /** Of the key or the workspace; of a person in none, theirs. */
  readonly id: string
  /** How much may be charged in a window; 0 blocks. */
  readonly limit: number
}

/** A bucket after a request. */
export interface BucketState {
  readonly subject: LimitSubject
  readonly limit: number
  readonly remaining: number
  /**
   * How long until all of the limit is there again: the end of the window, or of the one that would
   * begin now (milliseconds).
   */
  readonly resetMs: number
  /** When that is. */
  readonly resetAt: Date
}

/** What came of charging a request: all of its buckets were charged, or none. */
export interface Charge {
  readonly isAllowed: boolean
  /** What was asked for. */
  readonly cost: number
  readonly states: readonly BucketState[]
  /** After how many seconds it is worth while to try again, at least 1. */
  readonly retryAfterSeconds: number
}

/** Charges buckets. */
export interface Limiter {
  /**
   * Charges the cost to every one of the buckets, or, where one has too little left, to none. A cost
   * of 0 only looks. What is charged together has one owner: a workspace, or a person in none.
   */
  charge(ownerId: string, buckets: readonly Bucket[], cost: number): Awaitable<Charge>
}

const lowest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)

/** Somebody in a workspace, as far as it decides what their requests are charged to. */
interface ChargedCaller extends Pick<Caller, 'workspaceId' | 'plan'> {
  readonly key: { readonly id: string } | null
  readonly bounds: Pick<Caller['bounds'], 'requestsPerMinute'>
}

/** To whose limits a request is charged. */
export type Charged = ChargedCaller | Extract<Principal, { readonly workspaceId: null }>

/** Whose buckets a request is charged to: the workspace's, or where there is none, the person's. */
export const bucketOwnerOf = (principal: Charged): string =>
  principal.workspaceId ?? userIdOf(principal)

/**
 * What somebody's requests are charged to, by the workspace's present plan: the key and the
 * workspace, or for a person the workspace alone. Who is in no workspace has the limit of a FREE one
 * to themselves. What has no limit has no bucket.
 */
export function bucketsOf(plans: PlanTable, caller: Charged): Bucket[] {
  if (caller.workspaceId === null) {
    const limit = plans.FREE.requestsPerMinute
    return limit === null ? [] : [{ subject: 'WORKSPACE', id: userIdOf(caller), limit }]
  }
  const { requestsPerMinute, requestsPerMinutePerKey } = limitsOf(plans, caller.plan)
  const ofKey = lowest(caller.bounds.requestsPerMinute, requestsPerMinutePerKey)
  const buckets: Bucket[] = []
  if (caller.key !== null && ofKey !== null)
    buckets.push({ subject: 'KEY', id: caller.key.id, limit: ofKey })
  if (requestsPerMinute !== null)
    buckets.push({ subject: 'WORKSPACE', id: caller.workspaceId, limit: requestsPerMinute })
  return buckets
}

/** How full a bucket is, and how long its window goes on; null: none has begun. */
export interface Fill {
  readonly used: number
  readonly leftMs: number | null
}

/** A bucket with how full it is. */
export interface FilledBucket {
  readonly bucket: Bucket
  readonly fill: Fill
}

/**
 * Whether so much more may be charged. A limit of 0 blocks even those who only look; nobody else who
 * only looks is refused, also where a limit has come down below what was used.
 */
export const hasRoom = ({ limit }: Bucket, { used }: Fill, cost: number): boolean =>
  limit > 0 && (cost === 0 || used + cost <= limit)

/** The answer to a charge, of buckets as they are after it. */
export function chargeOf(
  isAllowed: boolean,
  filled: readonly FilledBucket[],
  cost: number,
): Charge {
  // Of the wall's clock: windows are timed by one that is never set.
  const now = Date.now()
  const waits = filled
    .filter(({ bucket, fill }) => !hasRoom(bucket, fill, cost))
    .map(({ fill }) => fill.leftMs ?? windowMs)
  return {
    isAllowed,
    cost,
    states: filled.map(({ bucket: { subject, limit }, fill: { used, leftMs } }) => {
      const resetMs = leftMs ?? windowMs
      const remaining = Math.max(0, limit - used)
      return { subject, limit, remaining, resetMs, resetAt: new Date(now + resetMs) }
    }),
    retryAfterSeconds: Math.max(1, Math.ceil(Math.max(0, ...waits) / 1_000)),
  }
}
