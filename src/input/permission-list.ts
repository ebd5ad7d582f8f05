import { covers, expand, missingRequirements } from '../auth/permissions.ts'
import type { ValidationErrors } from './problems.ts'
import { isSeveral, shown } from './shown.ts'

type Path = readonly (string | number)[]

/** More than there are names; each wrong one is answered, so that there must be an end to them. */
export const maxNames = 200

const nameShape = /^[a-z*]{1,30}(:[a-z*]{1,30})?$/

const isKnown = (name: string): boolean => covers(name).length > 0

/** What is wrong with a name that is not known: what was read. */
export const permissionProblem = (name: string): string =>
  isSeveral(name, isKnown)
    ? `${JSON.stringify(name)} is several permissions; name each by itself.`
    : `There is no permission ${shown(name, nameShape)}; see the query permissions.`

/** Names of permissions and aliases, each known; as written, without repetition. */
export function permissionNamesInput(
  problems: ValidationErrors,
  path: Path,
  names: readonly string[],
): string[] {
  if (names.length > maxNames) {
    problems.add('INVALID', path, `At most ${maxNames} permissions are possible.`)
    return []
  }
  names.forEach((name, index) => {
    if (!isKnown(name))
      problems.add('UNKNOWN_PERMISSION', [...path, index], permissionProblem(name))
  })
  return [...new Set(names)]
}

/** Notes what a set of permissions lacks of its own requirements. */
export function validateRequirements(
  problems: ValidationErrors,
  path: Path,
  names: readonly string[],
): void {
  const missing = missingRequirements(expand(names))
  if (missing.length > 0)
    problems.add(
      'PERMISSION_DEPENDENCY_MISSING',
      path,
      `These permissions also require ${missing.join(', ')}.`,
    )
}
