import type { Caller } from '../../auth/caller.ts'
import { isPerSpace, type PermissionName } from '../../auth/permissions.ts'
import { heldIn, holds } from '../../auth/policy.ts'
import { ceilings, type Role, reachesAllSpaces } from '../../auth/roles.ts'
import { forbidden, userError } from '../../errors.ts'

type Path = readonly string[]

const notGrantable = (path: Path, missing: readonly PermissionName[], where: string): Error =>
  userError(
    'PERMISSION_NOT_GRANTABLE',
    path,
    `This gives ${missing.join(', ')}${where}, which you do not hold.`,
  )

/**
 * Nobody gives a role whose ceiling exceeds their own rights: the workspace permissions, and the
 * per-space ones in every space that the role reaches by itself, which for OWNER and ADMIN are all.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE naming what is missing
 */
export function assertMayGiveRole(
  { rights }: Caller,
  role: Role,
  openSpaceIds: readonly string[],
  path: Path,
): void {
  const ceiling = [...ceilings[role]]
  const missing = ceiling.filter((name) => !isPerSpace(name) && !holds(rights, name))
  if (missing.length > 0) throw notGrantable(path, missing, '')
  if (reachesAllSpaces(role) && !rights.allSpaces)
    throw userError('PERMISSION_NOT_GRANTABLE', path, `An ${role} has all spaces; you do not.`)
  const perSpace = ceiling.filter(isPerSpace)
  const lacking = rights.allSpaces
    ? perSpace.filter((name) => !holds(rights, name))
    : openSpaceIds.flatMap((id) => perSpace.filter((name) => !heldIn(rights, id).has(name)))
  if (lacking.length > 0) throw notGrantable(path, [...new Set(lacking)], ' in every open space')
}

/**
 * A promotion gives, in every space that the member was let into, what the new role can do there
 * beyond the old one.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE naming what is missing
 */
export function assertMayPromote(
  { rights }: Caller,
  { from, to }: { readonly from: Role; readonly to: Role },
  spaceIds: readonly string[],
  path: Path,
): void {
  const gained = [...ceilings[to]].filter((name) => isPerSpace(name) && !ceilings[from].has(name))
  const missing = spaceIds.flatMap((id) => gained.filter((name) => !heldIn(rights, id).has(name)))
  if (missing.length > 0)
    throw notGrantable(path, [...new Set(missing)], ' in every space of this member')
}

/**
 * Letting somebody into a space takes, there, all that their role can do.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE naming what is missing
 */
export function assertMayAdmit({ rights }: Caller, role: Role, spaceId: string, path: Path): void {
  const held = heldIn(rights, spaceId)
  const missing = [...ceilings[role]].filter((name) => isPerSpace(name) && !held.has(name))
  if (missing.length > 0) throw notGrantable(path, missing, ' in this space')
}

/**
 * What is an OWNER's is changed by that owner, or by who holds members:own.
 *
 * @throws RequestError FORBIDDEN naming members:own
 */
export function assertMayTouchOwnersThings(
  { rights, user }: Caller,
  owner: { readonly userId: string; readonly role: Role },
): void {
  if (owner.role === 'OWNER' && owner.userId !== user.id && !holds(rights, 'members:own'))
    throw forbidden(['members:own'], ['members:own'])
}
