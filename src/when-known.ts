/** What may have to be waited for. */
export type Awaitable<T> = T | Promise<T>

/** Goes on at once with what is known at once: a request makes few promises, for each takes a while. */
export const whenKnown = <T, R>(value: Awaitable<T>, next: (known: T) => Awaitable<R>) =>
  value instanceof Promise ? value.then(next) : next(value)

/** Calls those of the functions that there are with one argument, each once the one before has ended. */
export const callAll = <T>(
  functions: readonly (((argument: T) => unknown) | undefined)[],
  argument: T,
  from = 0,
): Awaitable<void> =>
  from === functions.length
    ? undefined
    : whenKnown(functions[from]?.(argument), () => callAll(functions, argument, from + 1))

/** Does the work, and `end` once it has ended, however it did. */
export function ended<T>(work: () => Awaitable<T>, end: () => void): Awaitable<T> {
  let result: Awaitable<T>
  try {
    result = work()
  } catch (error) {
    end()
    throw error
  }
  if (result instanceof Promise) return result.finally(end)
  end()
  return result
}
