import type { InputProblems } from '../../input/problems.ts'

const shape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** A workspace's slug: 1 to 63 lower-case letters, digits and inner hyphens, as in a host name. */
export function slugInput(
  problems: InputProblems,
  path: readonly string[],
  value: string | null,
): string {
  if (value === null || !shape.test(value))
    problems.add(
      'INVALID',
      path,
      'A slug has 1 to 63 lower-case letters, digits and hyphens, none at either end.',
    )
  return value ?? ''
}
