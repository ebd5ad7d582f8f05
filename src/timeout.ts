/** What the promise comes to, or undefined where it takes longer than so many milliseconds. */
export async function withTimeout<T>(
  promise: Promise<T>,
  milliseconds: number,
): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(late.resolve, milliseconds, undefined)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What the promise comes to; throws the signal's reason where that comes first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * Does the work again and again, in these intervals; not while it is still at it. It must not fail, and
 * keeps no process from ending.
 *
 * @returns ends it; what has begun goes on
 */
export function every(milliseconds: number, work: () => Promise<unknown>): () => void {
  let isAtWork = false
  const timer = setInterval(() => {
    if (isAtWork) return
    isAtWork = true
    void work().finally(() => {
      isAtWork = false
    })
  }, milliseconds).unref()
  return () => clearInterval(timer)
}
