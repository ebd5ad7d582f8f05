import { onTestFinished, vi } from 'vitest'

/** Lets the monotonic clock of the process jump, for the rest of the test. */
export function jumpingClock(): { forward(ms: number): void } {
  let offset = 0
  const now = performance.now.bind(performance)
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + offset)
  onTestFinished(() => spy.mockRestore())
  return {
    forward: (ms) => {
      offset += ms
    },
  }
}
