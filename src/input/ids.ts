import { badUserInput } from '../errors.ts'
import type { ValidationErrors } from './problems.ts'

/** How many ids one field takes. */
export const maxIds = 100

/**
 * How many ids a field is asked for.
 * @throws RequestError BAD_USER_INPUT for more than 100
 */
export function idCount(ids: readonly unknown[]): number {
  if (ids.length > maxIds) throw badUserInput(['ids'], `ids names at most ${maxIds} objects.`)
  return ids.length
}

/**
 * Notes each id that a list holds twice, and then each that is not among the `known` ones: lists of
 * ids are all or nothing, so a repetition is a mistake to show, not to repair.
 */
export function validateKnownIds(
  problems: ValidationErrors,
  what: 'scope' | 'space',
  ids: readonly string[],
  known: Pick<ReadonlySet<string>, 'has'>,
  pathOf: (index: number) => readonly (string | number)[],
): void {
  const seen = new Set<string>()
  ids.forEach((id, index) => {
    if (seen.has(id)) problems.add('INVALID', pathOf(index), 'This id is repeated.')
    seen.add(id)
  })
  ids.forEach((id, index) => {
    if (!known.has(id)) problems.add('NOT_FOUND', pathOf(index), `There is no such ${what}.`)
  })
}
