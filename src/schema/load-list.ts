import type { Context, DataLoader } from './context.ts'

/**
 * The items of a list by their ids, without those that the caller does not see. They are counted
 * before they are loaded.
 *
 * @throws RequestError QUERY_TOO_COMPLEX for more than an answer holds
 */
export async function loadList<Value>(
  { budget }: Context,
  loaderOf: () => DataLoader<Value | null>,
  ids: readonly string[],
): Promise<Value[]> {
  budget.countLoaded(ids.length)
  const loader = loaderOf()
  const items = await Promise.all(ids.map((id) => loader.load(id)))
  return items.filter((item) => item !== null)
}
