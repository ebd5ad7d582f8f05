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
 * Notes an id that a list holds twice: lists of ids are all or nothing, so a repetition is a
 * mistake to show, not to repair.
 */
export function validateUniqueIds(
  problems: ValidationErrors,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): void {
  const seen = new Set<string>()
  ids.forEach((id, index) => {
    if (seen.has(id)) problems.add('INVALID', pathOf(index), 'This id is repeated.')
    seen.add(id)
  })
}
