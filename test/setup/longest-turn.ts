/** What a piece of work came to, and how long it kept others waiting. */
export interface Held<T> {
  readonly value: T
  /** The most processor time of the event loop's thread between two of its turns, in milliseconds. */
  readonly ms: number
}

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Runs the work, and measures how long it holds the event loop at a stretch. */
export async function longestTurn<T>(work: () => Promise<T>): Promise<Held<T>> {
  let longest = 0
  let since = threadMs()
  let isOver = false
  const turn = (): void => {
    const now = threadMs()
    longest = Math.max(longest, now - since)
    since = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  try {
    const value = await work()
    await new Promise((resolve) => setImmediate(resolve))
    return { value, ms: longest }
  } finally {
    isOver = true
  }
}
