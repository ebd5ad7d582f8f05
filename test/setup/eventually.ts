import { vi } from 'vitest'

/** Waits until `assert` throws no more, and gives what it gives. Its end only ends what hangs. */
export const eventually = <T>(assert: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(assert, { timeout: 20_000, interval: 20 })
