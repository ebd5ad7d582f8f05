import { type ChangeName, channelOf } from './messages.ts'

interface Waiting {
  readonly heardBy: Set<string>
  check: () => void
}

/** Which other replicas have acknowledged the transactions of this one. */
export class Acknowledgements {
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  /** Numbers a change whose acknowledgements count from now on, until it is `forgotten`. */
  expect(): number {
    this.#last += 1
    this.#waiting.set(this.#last, { heardBy: new Set(), check: () => undefined })
    return this.#last
  }

  heard(by: string, numbers: readonly number[]): void {
    for (const number of numbers) {
      const waiting = this.#waiting.get(number)
      waiting?.heardBy.add(by)
      waiting?.check()
    }
  }

  /** Those of `replicas` that have not acknowledged that transaction. */
  missing(number: number, replicas: readonly string[]): string[] {
    const heardBy = this.#waiting.get(number)?.heardBy
    return replicas.filter((id) => !heardBy?.has(id))
  }

  /** Resolves when all of `replicas` have acknowledged that transaction. */
  byAll(number: number, replicas: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.missing(number, replicas).length === 0) resolve()
      }
      const waiting = this.#waiting.get(number)
      if (waiting !== undefined) waiting.check = check
      check()
    })
  }

  forget(number: number): void {
    this.#waiting.delete(number)
  }
}

type Messages = readonly (readonly [channel: string, message: string])[]

/** Beyond so many a notification may be too long. */
const mostNumbers = 500

/** Acknowledges changes of others as the replica of that id; those heard of in one go together. */
export function acknowledging(
  id: string,
  send: (messages: Messages) => Promise<void> | undefined,
): (change: ChangeName) => void {
  let pending = new Map<string, number[]>()
  const flush = (): void => {
    const messages: [string, string][] = []
    for (const [by, numbers] of pending)
      for (let start = 0; start < numbers.length; start += mostNumbers) {
        const some = numbers.slice(start, start + mostNumbers)
        messages.push([channelOf(by), JSON.stringify({ kind: 'heard', by: id, numbers: some })])
      }
    pending = new Map()
    // One that does not arrive makes a writer wait its time, and the connection is over.
    send(messages)?.catch(() => undefined)
  }
  return ({ by, number }) => {
    if (pending.size === 0) setImmediate(flush)
    const numbers = pending.get(by) ?? []
    numbers.push(number)
    pending.set(by, numbers)
  }
}
