import { within } from '../within.ts'

/** By database client: the credentials that are being read from it. */
const readingsOf = new WeakMap<object, Set<Promise<unknown>>>()

/** Counts the reading of a credential as under way until it has ended, and returns it. */
export function noteUnderWay<T>(database: object, reading: Promise<T>): Promise<T> {
  const readings = readingsOf.get(database) ?? new Set()
  readingsOf.set(database, readings)
  const ended = reading.then(
    () => void readings.delete(ended),
    () => void readings.delete(ended),
  )
  readings.add(ended)
  return reading
}

/** Resolves when every credential has been read that is being read now, or after `mostMs`. */
export async function untilRead(database: object, mostMs: number): Promise<void> {
  await within(Promise.all(readingsOf.get(database) ?? []), mostMs)
}
