import { covers, expand, missingRequirements } from '../auth/permissions.ts'
import type { ValidationErrors } from './problems.ts'
import { shown } from './shown.ts'

type Path = readonly (string | number)[]

/** More than there are names; each wrong one is answered, so that there must be an end to them. */
export const maxNames = 200

const nameShape = /^[a-z*]{1,30}(:[a-z*]{1,30})?$/

const isKnown = (name: string): boolean => covers(name).length > 0

/** Several names in one text, of which none is anything but a name: they are shown. */
const isSeveral = (text: string): boolean =>
  text.length <= 1_000 && text.includes(':') && text.split(/[,;\s]/).every(isKnown)

const problemOf = (name: string): string =>
  isSeveral(name)
    ? `"${name}" is several permissions; name each by itself.`
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
    if (!isKnown(name)) problems.add('UNKNOWN_PERMISSION', [...path, index], problemOf(name))
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
