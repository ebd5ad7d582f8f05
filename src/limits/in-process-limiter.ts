import {
  type Bucket,
  chargeOf,
  type Fill,
  type FilledBucket,
  hasRoom,
  type Limiter,
  windowMs,
} from './buckets.ts'

interface Window {
  readonly endsAt: number
  used: number
}

/** Milliseconds since 1970 that never run backwards. */
export type Clock = () => number

export const steadyClock: Clock = () => performance.timeOrigin + performance.now()

export interface InProcessLimiter extends Limiter {
  /** Goes on from what another limiter has counted, where that is no less than was counted here. */
  adopt(ownerId: string, filled: readonly FilledBucket[]): void
}

const idOf = (ownerId: string, { id }: Bucket): string => `${ownerId} ${id}`

/** Counts in this process's memory. */
export function createInProcessLimiter(clock: Clock = steadyClock): InProcessLimiter {
  const windows = new Map<string, Window>()
  let sweptAt = clock()

  /** What is over would stay in memory for good: keys come and go. */
  const sweep = (): number => {
    const now = clock()
    if (now - sweptAt < windowMs) return now
    sweptAt = now
    for (const [id, { endsAt }] of windows) if (endsAt <= now) windows.delete(id)
    return now
  }
  const fillOf = (id: string, now: number): Fill => {
    const window = windows.get(id)
    return window === undefined || window.endsAt <= now
      ? { used: 0, leftMs: null }
      : { used: window.used, leftMs: window.endsAt - now }
  }
  const add = (id: string, cost: number, now: number): void => {
    const window = windows.get(id)
    if (window !== undefined && window.endsAt > now) window.used += cost
    else windows.set(id, { endsAt: now + windowMs, used: cost })
  }

  return {
    charge(ownerId, buckets, cost) {
      const now = sweep()
      const fill = (bucket: Bucket): Fill => fillOf(idOf(ownerId, bucket), now)
      const isAllowed = buckets.every((bucket) => hasRoom(bucket, fill(bucket), cost))
      if (isAllowed && cost > 0) for (const bucket of buckets) add(idOf(ownerId, bucket), cost, now)
      const filled = buckets.map((bucket) => ({ bucket, fill: fill(bucket) }))
      return chargeOf(isAllowed, filled, cost)
    },
    adopt(ownerId, filled) {
      const now = sweep()
      for (const { bucket, fill } of filled) {
        const id = idOf(ownerId, bucket)
        if (fill.used >= fillOf(id, now).used)
          windows.set(id, { used: fill.used, endsAt: now + (fill.leftMs ?? 0) })
      }
    },
  }
}
