import { isToken, type KnownCredential } from './credential-state.ts'
import { expand, isPerSpace, type PermissionName, type PermissionSet } from './permissions.ts'
import { declaredBy, heldInAll, holds, inOrder, type Rights } from './policy.ts'
import { ceilings, type Role } from './roles.ts'

/** A credential that rules 1 and 2 let through, and what it is asked to be good for. */
export interface Asked {
  /** Undefined for a person who has signed in. */
  readonly credential: KnownCredential | undefined
  /** Of the user that it acts for. */
  readonly role: Role
  readonly rights: Rights
  readonly permissions: readonly PermissionName[]
  /** The spaces in each of which they must be held; none: workspace-wide. */
  readonly spaceIds: readonly string[]
  /** Those of the spaces that are not within reach. */
  readonly unreached: readonly string[]
}

/** The same with what the rules compare. */
export interface Assessment extends Asked {
  /** What is held in every one of the spaces. */
  readonly held: readonly PermissionName[]
  /** What was asked for and is not held in every one of the spaces. */
  readonly missing: readonly PermissionName[]
  /** What was asked for and is not held at all. */
  readonly unheld: readonly PermissionName[]
}

/** Works out what a credential holds and lacks of what it is asked for. */
export function assess(asked: Asked): Assessment {
  const { rights, permissions, spaceIds, unreached } = asked
  const held =
    unreached.length === 0
      ? heldInAll(rights, spaceIds)
      : inOrder(rights.permissions).filter((name) => !isPerSpace(name))
  return {
    ...asked,
    held,
    missing: permissions.filter((name) => !held.includes(name)),
    unheld: permissions.filter((name) => !holds(rights, name)),
  }
}

/** One of rules 3 and 4 of the decision. */
export interface RightsRule {
  readonly name:
    | 'owner_role'
    | 'key_permissions'
    | 'token_permissions'
    | 'spaces'
    | 'space_permissions'
  /** The verdict by which it refuses. */
  readonly code: 'INSUFFICIENT_PERMISSIONS' | 'SPACE_NOT_ALLOWED'
  /** The permissions or spaces for which it refuses; undefined: it does not apply. */
  readonly lacking: (assessment: Assessment) => readonly string[] | undefined
}

/** Permissions are those that the role, the key and the token allow: see `effectiveRights`, `cutRights`. */
const notIn = ({ unheld }: Assessment, allowed: () => PermissionSet): readonly string[] => {
  if (unheld.length === 0) return []
  const set = allowed()
  return unheld.filter((name) => !set.has(name))
}

/**
 * Rules 3 and 4 of the decision, in their order. As on the API: what is not held at all comes before
 * any space is looked at.
 */
export const rightsRules: readonly RightsRule[] = [
  {
    name: 'owner_role',
    code: 'INSUFFICIENT_PERMISSIONS',
    lacking: (asked) => notIn(asked, () => ceilings[asked.role]),
  },
  {
    name: 'key_permissions',
    code: 'INSUFFICIENT_PERMISSIONS',
    lacking: (asked) => {
      const { credential } = asked
      return credential && notIn(asked, () => expand(declaredBy(credential).permissions))
    },
  },
  {
    name: 'token_permissions',
    code: 'INSUFFICIENT_PERMISSIONS',
    lacking: (asked) => {
      const { credential } = asked
      if (credential === undefined || !isToken(credential)) return undefined
      return notIn(asked, () => expand(credential.tokenSnapshot.permissions))
    },
  },
  {
    name: 'spaces',
    code: 'SPACE_NOT_ALLOWED',
    lacking: ({ unreached }) => unreached,
  },
  {
    name: 'space_permissions',
    code: 'INSUFFICIENT_PERMISSIONS',
    lacking: ({ missing }) => missing,
  },
]

/** The verdict of the first of rules 3 and 4 that refuses; undefined: none does. */
export const refusalOfRights = (assessment: Assessment): RightsRule['code'] | undefined =>
  rightsRules.find(({ lacking }) => lacking(assessment)?.length)?.code
