import type { InputProblems } from './problems.ts'

/**
 * Notes an id that a list holds twice: lists of ids are all or nothing, so a repetition is a
 * mistake to show, not to repair.
 */
export function noteRepeatedIds(
  problems: InputProblems,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): void {
  const seen = new Set<string>()
  ids.forEach((id, index) => {
    if (seen.has(id)) problems.add('INVALID', pathOf(index), 'This id is repeated.')
    seen.add(id)
  })
}
