const underWay = new Set<Promise<unknown>>()

/** Counts an authentication as under way until it has ended, and returns it. */
export function noteUnderWay<T>(authentication: Promise<T>): Promise<T> {
  const ended = authentication.then(
    () => void underWay.delete(ended),
    () => void underWay.delete(ended),
  )
  underWay.add(ended)
  return authentication
}

/** Resolves when every authentication has ended that is under way now. */
export async function untilAuthenticated(): Promise<void> {
  await Promise.all(underWay)
}
