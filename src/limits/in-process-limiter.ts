import { type Bucket, chargeOf, type Fill, hasRoom, type Limiter, windowMs } from './buckets.ts'

interface Window {
  readonly endsAt: number
  used: number
}

/** Milliseconds since 1970 that never run backwards. */
export type Clock = () => number

export const steadyClock: Clock = () => performance.timeOrigin + performance.now()

/** Counts in this process's memory. */
export function createInProcessLimiter(clock: Clock = steadyClock): Limiter {
  const windows = new Map<string, Window>()
  let sweptAt = clock()

  /** What is over would stay in memory for good: keys come and go. */
  const sweep = (now: number): void => {
    if (now - sweptAt < windowMs) return
    sweptAt = now
    for (const [id, { endsAt }] of windows) if (endsAt <= now) windows.delete(id)
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
      const now = clock()
      sweep(now)
      const idOf = ({ id }: Bucket): string => `${ownerId} ${id}`
      const isAllowed = buckets.every((bucket) => hasRoom(bucket, fillOf(idOf(bucket), now), cost))
      if (isAllowed && cost > 0) for (const bucket of buckets) add(idOf(bucket), cost, now)
      const filled = buckets.map((bucket) => ({ bucket, fill: fillOf(idOf(bucket), now) }))
      return chargeOf(isAllowed, filled, cost)
    },
  }
}
