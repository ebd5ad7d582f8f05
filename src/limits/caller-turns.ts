import { rateLimited } from '../errors.ts'

/** How many queries of a caller wait at most for their turn. */
const maxWaiting = 200

interface Line {
  running: number
  readonly waiting: (() => void)[]
}

/**
 * Runs so many queries of each caller at once, and others of the same caller after them: whoever asks
 * a few things is not behind all that another has asked before.
 */
export class CallerTurns {
  readonly #atOnce: number
  readonly #lines = new Map<string, Line>()

  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /**
   * Runs the work when its turn comes, first come first served.
   *
   * @throws RequestError RATE_LIMITED when too many of the caller's wait already, or as `work` does
   */
  async run<T>(caller: string, work: () => T | Promise<T>): Promise<T> {
    const line = this.#lines.get(caller) ?? { running: 0, waiting: [] }
    this.#lines.set(caller, line)
    if (line.running < this.#atOnce) line.running += 1
    else if (line.waiting.length >= maxWaiting) throw rateLimited(1)
    else await new Promise<void>((resolve) => line.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = line.waiting.shift()
      // Later, for the next may be done at once, and so may all that wait behind it.
      if (next !== undefined) setImmediate(next)
      else line.running -= 1
      if (line.running === 0) this.#lines.delete(caller)
    }
  }
}
