import { type Caller, isBounded } from '../../auth/caller.ts'
import { isPerSpace, type PermissionName } from '../../auth/permissions.ts'
import { holds, holdsIn } from '../../auth/policy.ts'
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
    : openSpaceIds.flatMap((id) => perSpace.filter((name) => !holdsIn(rights, name, id)))
  if (lacking.length > 0) throw notGrantable(path, [...new Set(lacking)], ' in every open space')
}

/**
 * What people are given outlives the credential that gives it, and would escape its bounds. A machine
 * user is created by any: it has no credential, and the keys made for it are as bounded as their maker.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE for a caller with an end, an address rule or a limit
 *   of its own
 */
export function assertUnbounded(caller: Caller, path: Path): void {
  if (isBounded(caller))
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      'A credential with an expiry, an address rule or a limit of its own gives nobody lasting rights.',
    )
}

/**
 * A role that a person gets counts in every space that is open or that they are let into, also later.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE for a caller that is bounded or has not all spaces
 */
export function assertMayGiveLasting(caller: Caller, path: Path): void {
  assertUnbounded(caller, path)
  if (!caller.rights.allSpaces)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      'A role counts in every space that opens later; you have not all spaces.',
    )
}

/**
 * Letting somebody into a space takes, there, all that their role can do.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE naming what is missing
 */
export function assertMayAdmit({ rights }: Caller, role: Role, spaceId: string, path: Path): void {
  const missing = [...ceilings[role]].filter(
    (name) => isPerSpace(name) && !holdsIn(rights, name, spaceId),
  )
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
