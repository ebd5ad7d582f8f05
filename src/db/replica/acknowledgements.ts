interface Waiting {
  readonly heardBy: Set<string>
  check: () => void
}

/** Which other replicas have heard of the changes that this one made. */
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

  /** Those of `replicas` that have not told that they have heard of that change. */
  missing(number: number, replicas: readonly string[]): string[] {
    const heardBy = this.#waiting.get(number)?.heardBy
    return replicas.filter((id) => !heardBy?.has(id))
  }

  /** Resolves when all of `replicas` have heard of that change. */
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
