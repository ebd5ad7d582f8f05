import { expand, type PermissionName, type PermissionSet, permissionNames } from './permissions.ts'

/** A member's role, human or machine alike. */
export type Role = 'OWNER' | 'ADMIN' | 'BUILDER' | 'MEMBER'

export const roles = ['OWNER', 'ADMIN', 'BUILDER', 'MEMBER'] as const satisfies readonly Role[]

const ofTheirOwn: readonly PermissionName[] = [
  'keys:read',
  'keys:create',
  'keys:update',
  'keys:delete',
  'keys:rotate',
  'tokens:read',
  'tokens:delete',
]

/** The most that a member of each role can do, whatever their key declares. */
export const ceilings: Readonly<Record<Role, PermissionSet>> = {
  OWNER: new Set(permissionNames),
  ADMIN: new Set(permissionNames.filter((name) => name !== 'members:own')),
  BUILDER: expand([
    'workspace:read',
    'members:read',
    'spaces:read',
    'scopes:read',
    'agents:*',
    'sessions:*',
    'documents:*',
    ...ofTheirOwn,
  ]),
  MEMBER: expand([
    'workspace:read',
    'spaces:read',
    'scopes:read',
    'agents:read',
    'agents:run',
    'sessions:*',
    'documents:*',
    ...ofTheirOwn,
  ]),
}

/** Whether the role reaches every space, restricted ones included. */
export const reachesAllSpaces = (role: Role): boolean => role === 'OWNER' || role === 'ADMIN'

/** Whether the role's permissions on keys and tokens end at those that the member owns. */
export const onlyOwnKeys = (role: Role): boolean => !reachesAllSpaces(role)

/** Whether the role's permissions on sessions, their runs and documents end at the user's own. */
export const onlyOwnSessions = (role: Role): boolean => role === 'MEMBER'

/** Whether the role `to` can do anything that the role `from` cannot. */
export const isPromotion = (from: Role, to: Role): boolean =>
  !ceilings[to].isSubsetOf(ceilings[from])
