import { type Awaitable, ended, whenKnown } from '../when-known.ts'

interface Line {
  /** All that have come and not ended. */
  present: number
  running: number
  waiting?: Set<() => void>
}

/** How many run at once, and how many more may wait. */
interface Room {
  readonly atOnce: number
  readonly waiting?: number
}

/**
 * Runs only so much work of each caller at once, and queues the rest of the same caller:
 * a caller with a few requests does not wait for all that another has sent before.
 */
export class CallerQueue {
  readonly #room: Room
  readonly #lines = new Map<string, Line>()

  constructor(room: Room) {
    this.#room = room
  }

  /** Whether so many of the caller are there that no more should come. */
  isFull(caller: string): boolean {
    const { atOnce, waiting = Number.POSITIVE_INFINITY } = this.#room
    return (this.#lines.get(caller)?.present ?? 0) >= atOnce + waiting
  }

  /**
   * Runs the work when its turn comes, first come first served; of a client that has gone meanwhile
   * nothing is done, and its place is free at once.
   *
   * @param admit is awaited before, with the place in the line taken
   * @returns undefined when the client has gone
   * @throws as `admit` and `work` do, at once or later
   */
  run<T>(caller: string, { signal, admit, work }: TurnOf<T>): Awaitable<T | undefined> {
    const line = this.#lines.get(caller) ?? { present: 0, running: 0 }
    this.#lines.set(caller, line)
    line.present += 1
    const begin = () =>
      ended(
        () => (signal.aborted ? undefined : work()),
        () => passOn(line),
      )
    const inTurn = (): Awaitable<T | undefined> => {
      if (line.running >= this.#room.atOnce)
        return hasTurn(line, signal).then((has) => (has ? begin() : undefined))
      line.running += 1
      return begin()
    }
    return ended(
      () => whenKnown(admit?.(), inTurn),
      () => {
        line.present -= 1
        if (line.present === 0) this.#lines.delete(caller)
      },
    )
  }
}

interface TurnOf<T> {
  /** Of the client. */
  readonly signal: AbortSignal
  readonly admit?: () => Awaitable<void>
  readonly work: () => Awaitable<T>
}

/** Waits for a turn; false: the client has gone before. */
const hasTurn = (line: Line, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const leave = (): void => {
      line.waiting?.delete(begin)
      resolve(false)
    }
    const begin = (): void => {
      signal.removeEventListener('abort', leave)
      resolve(true)
    }
    line.waiting ??= new Set()
    line.waiting.add(begin)
    signal.addEventListener('abort', leave, { once: true })
  })

function passOn(line: Line): void {
  const [next] = line.waiting?.size ? line.waiting : []
  if (next === undefined) {
    line.running -= 1
    return
  }
  line.waiting?.delete(next)
  // Later, for the next may be done at once, and so may all that wait behind it.
  setImmediate(next)
}
