/** How long what is remembered may be trusted from the sending of a heartbeat on (milliseconds). */
export const leaseMs = 900

/** A heartbeat as it comes back. */
export interface Beat {
  /** When it was sent, by this process's monotonic clock (milliseconds). */
  readonly sentAt: number
  /** The database's clock as it was sent on (milliseconds since 1970). */
  readonly databaseTime: number
}

/**
 * The time in which this process may take for true what it remembers of the database. It counts from
 * the sending of a heartbeat: all that was committed before has been heard of when that one comes back.
 */
export class Lease {
  #end = Number.NEGATIVE_INFINITY
  /** What the database's clock is ahead of the monotonic one, at most. */
  #offset = 0

  get isHeld(): boolean {
    return performance.now() < this.#end
  }

  /** The database's clock, never behind it, and ahead by no more than the last heartbeat's way. */
  now(): Date {
    return new Date(performance.now() + this.#offset)
  }

  extend({ sentAt, databaseTime }: Beat): void {
    this.#end = Math.max(this.#end, sentAt + leaseMs)
    this.#offset = databaseTime - sentAt
  }

  end(): void {
    this.#end = Number.NEGATIVE_INFINITY
  }
}
