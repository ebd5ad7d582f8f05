import { onTestFinished, vi } from 'vitest'

/** The monotonic clock of the process, for the rest of the test. */
export interface JumpingClock {
  /** Lets it jump. */
  forward(ms: number): void
  /** Lets it move by jumps alone. */
  stop(): void
}

export function jumpingClock(): JumpingClock {
  let offset = 0
  let stoppedAt: number | undefined
  const now = performance.now.bind(performance)
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => (stoppedAt ?? now()) + offset)
  onTestFinished(() => spy.mockRestore())
  return {
    forward: (ms) => {
      offset += ms
    },
    stop: () => {
      stoppedAt = now()
    },
  }
}
