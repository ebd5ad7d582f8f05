import { covers, expand, isPerSpace, type PermissionSet } from '../../auth/permissions.ts'
import { heldIn, holds, inOrder, type Rights } from '../../auth/policy.ts'
import type { TokenSnapshot } from '../../auth/token-record.ts'
import { permissionNamesInput, validateRequirements } from '../../input/permission-list.ts'
import type { ValidationErrors } from '../../input/problems.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'

const maxSpaces = 1_000

/** How a token is narrower than its key; absent or null: not at all. */
export interface NarrowingInput {
  readonly permissions?: readonly string[] | null | undefined
  readonly spaceIds?: readonly string[] | null | undefined
}

function permissionsInput(
  problems: ValidationErrors,
  rights: Rights,
  names: readonly string[] | null | undefined,
): PermissionSet {
  if (names === null || names === undefined) return rights.permissions
  const known = permissionNamesInput(problems, ['permissions'], names)
  for (const name of known) {
    const missing = covers(name).filter((permission) => !holds(rights, permission))
    if (missing.length > 0)
      problems.add(
        'PERMISSION_NOT_GRANTABLE',
        ['permissions', names.indexOf(name)],
        `The key does not hold ${missing.join(', ')}.`,
      )
  }
  validateRequirements(problems, ['permissions'], known)
  return expand(known)
}

async function spacesInput(
  c: CallerTransaction,
  problems: ValidationErrors,
  ids: readonly string[] | null | undefined,
): Promise<readonly string[]> {
  if (ids === null || ids === undefined) return [...c.caller.rights.spaces.keys()]
  if (ids.length > maxSpaces) {
    problems.add('INVALID', ['spaceIds'], `At most ${maxSpaces} spaces are possible.`)
    return []
  }
  await validateSpaceReach(c, problems, ids, (index) => ['spaceIds', index])
  return ids
}

/**
 * What a token is minted with: what the calling key can do now, narrowed as asked for. What lies
 * beyond the key is noted, never dropped: the caller would believe to hold it.
 */
export async function snapshotInput(
  c: CallerTransaction,
  problems: ValidationErrors,
  input: NarrowingInput,
): Promise<TokenSnapshot> {
  const { rights } = c.caller
  const permissions = permissionsInput(problems, rights, input.permissions)
  const hasList = input.spaceIds !== null && input.spaceIds !== undefined
  const spaceIds = await spacesInput(c, problems, input.spaceIds)
  const perSpace = inOrder(permissions).filter(isPerSpace)
  const narrowings: Record<string, string[]> = {}
  for (const id of spaceIds) {
    const there = heldIn(rights, id)
    const held = perSpace.filter((name) => there.has(name))
    if (held.length < perSpace.length) narrowings[id] = held
  }
  return {
    permissions: inOrder(permissions),
    allSpaces: rights.allSpaces && !hasList,
    spaceIds: [...spaceIds].sort(),
    narrowings,
  }
}
