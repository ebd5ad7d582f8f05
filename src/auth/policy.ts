import {
  expand,
  isPerSpace,
  type PermissionName,
  type PermissionSet,
  permissionNames,
} from './permissions.ts'
import { ceilings, type Role } from './roles.ts'

/** The user that a credential acts for, as they stand now. */
export interface Owner {
  readonly role: Role
  /** The spaces that the role reaches: every one, or these. */
  readonly reach: 'all' | ReadonlySet<string>
}

/** What a key says that it may do, before its owner's role cuts it. */
export interface Declared {
  /** Direct permissions and those of linked scopes, aliases as written. */
  readonly permissions: readonly string[]
  readonly allSpaces: boolean
  /** By space id: what narrows the permissions there; null: nothing does. */
  readonly grants: ReadonlyMap<string, readonly string[] | null>
}

/** A key's declaration as it is written: direct permissions, linked scopes, space grants. */
export interface DeclaredTerms {
  readonly permissions: readonly string[]
  readonly scopes: readonly { readonly id: string; readonly permissions: readonly string[] }[]
  readonly allSpaces: boolean
  readonly grants: readonly {
    readonly spaceId: string
    readonly narrowed: boolean
    readonly permissions: readonly string[]
  }[]
}

/** What the terms declare together. */
export const declaredBy = (terms: DeclaredTerms): Declared => ({
  permissions: [...terms.permissions, ...terms.scopes.flatMap(({ permissions }) => permissions)],
  allSpaces: terms.allSpaces,
  grants: new Map(
    terms.grants.map(({ spaceId, narrowed, permissions }) => [
      spaceId,
      narrowed ? permissions : null,
    ]),
  ),
})

/** What was asked for and held: permissions, and the ids of the spaces and rows that it was about. */
export interface UsedRights {
  readonly permissions: Set<PermissionName>
  readonly ids: Set<string>
}

/** What a credential may do now. The decision's rules 3 and 4 in one value. */
export interface Rights {
  /** Held before any space is looked at: what a field's guard asks. */
  readonly permissions: PermissionSet
  /** Every space, now and later: an OWNER's or ADMIN's, by a key that says so. */
  readonly allSpaces: boolean
  /** Every space within reach with what is held there; empty with all spaces. */
  readonly spaces: ReadonlyMap<string, PermissionSet>
  /** Notes each question of a transaction that these rights answer with yes; absent: nothing does. */
  readonly used?: UsedRights
}

const intersection = (a: PermissionSet, b: PermissionSet): PermissionSet =>
  new Set([...a].filter((name) => b.has(name)))

const perSpacePart = (set: PermissionSet): PermissionSet => new Set([...set].filter(isPerSpace))

/** What one grant declares in its space: the key's per-space permissions, narrowed. */
const declaredInGrant = (
  held: PermissionSet,
  narrowing: readonly string[] | null,
): PermissionSet => (narrowing === null ? held : intersection(held, expand(narrowing)))

/** The owner's live role and reach, cut by what the key declares. Never more than either. */
export function effectiveRights(owner: Owner, declared: Declared): Rights {
  const permissions = intersection(ceilings[owner.role], expand(declared.permissions))
  const allSpaces = declared.allSpaces && owner.reach === 'all'
  return {
    permissions,
    allSpaces,
    spaces: allSpaces ? new Map() : spacesOf(owner, declared, permissions),
  }
}

function spacesOf(
  owner: Owner,
  declared: Declared,
  permissions: PermissionSet,
): ReadonlyMap<string, PermissionSet> {
  const held = perSpacePart(permissions)
  if (declared.allSpaces && owner.reach !== 'all')
    return new Map([...owner.reach].map((spaceId) => [spaceId, held]))
  const spaces = new Map<string, PermissionSet>()
  for (const [spaceId, narrowing] of declared.grants)
    if (owner.reach === 'all' || owner.reach.has(spaceId))
      spaces.set(spaceId, declaredInGrant(held, narrowing))
  return spaces
}

/** Rights cut by a further declaration, such as a token's: never more than either. */
export function cutRights({ used: _, ...rights }: Rights, declared: Declared): Rights {
  const permissions = intersection(rights.permissions, expand(declared.permissions))
  const allSpaces = rights.allSpaces && declared.allSpaces
  const held = perSpacePart(permissions)
  const spaces = new Map<string, PermissionSet>()
  if (declared.allSpaces)
    for (const [spaceId, there] of rights.spaces) spaces.set(spaceId, intersection(there, held))
  else
    for (const [spaceId, narrowing] of declared.grants)
      if (reaches(rights, spaceId))
        spaces.set(spaceId, intersection(heldIn(rights, spaceId), declaredInGrant(held, narrowing)))
  return { permissions, allSpaces, spaces }
}

/** No rights at all. */
export const noRights: Rights = { permissions: new Set(), allSpaces: false, spaces: new Map() }

/** What a key declares in each space that it names, whatever its owner's role. */
export const declaredSpaces = (declared: Declared): ReadonlyMap<string, PermissionSet> =>
  spacesOf({ role: 'OWNER', reach: 'all' }, declared, expand(declared.permissions))

/** Whether the permission is held at all: what a field's guard asks. */
export function holds({ permissions, used }: Rights, permission: PermissionName): boolean {
  const isHeld = permissions.has(permission)
  if (isHeld) used?.permissions.add(permission)
  return isHeld
}

/** Whether the space is within reach, whatever may be done there. */
export function reaches({ allSpaces, spaces, used }: Rights, spaceId: string): boolean {
  const isReached = allSpaces || spaces.has(spaceId)
  if (isReached) used?.ids.add(spaceId)
  return isReached
}

const nothing: PermissionSet = new Set()

/** The per-space permissions held in a space; none where it is out of reach. */
export const heldIn = (rights: Rights, spaceId: string): PermissionSet =>
  rights.allSpaces ? perSpacePart(rights.permissions) : (rights.spaces.get(spaceId) ?? nothing)

/** Whether the permission is held in that space. */
export function holdsIn(rights: Rights, permission: PermissionName, spaceId: string): boolean {
  const isHeld = (rights.allSpaces ? rights.permissions : heldIn(rights, spaceId)).has(permission)
  if (isHeld) rights.used?.permissions.add(permission)
  if (isHeld) rights.used?.ids.add(spaceId)
  return isHeld
}

/** Unanimity: whether it is held in every one of them, and there is at least one. */
export const holdsInEvery = (
  rights: Rights,
  permission: PermissionName,
  spaceIds: readonly string[],
): boolean => spaceIds.length > 0 && spaceIds.every((id) => holdsIn(rights, permission, id))

/**
 * The per-space permissions that something gains for the holder of these rights when it moves from
 * some spaces to others: held in every one of the new spaces, and not in every one of the old ones.
 */
export function gainedByMove(
  { used: _, ...rights }: Rights,
  from: readonly string[],
  to: readonly string[],
): PermissionName[] {
  return permissionNames.filter(
    (name) =>
      isPerSpace(name) && holdsInEvery(rights, name, to) && !holdsInEvery(rights, name, from),
  )
}

/** The spaces in which the permission is held: what a row filter asks. */
export const spacesWith = (rights: Rights, permission: PermissionName): 'all' | string[] => {
  if (rights.allSpaces) return holds(rights, permission) ? 'all' : []
  return [...rights.spaces].filter(([, held]) => held.has(permission)).map(([id]) => id)
}

/**
 * The workspace permissions, and of the per-space ones those held in every space within reach, of
 * which there must be one.
 */
export function workspaceWide(rights: Rights): PermissionName[] {
  const everywhere = (name: PermissionName): boolean =>
    rights.allSpaces ||
    (rights.spaces.size > 0 && [...rights.spaces.values()].every((held) => held.has(name)))
  return inOrder(rights.permissions).filter((name) => !isPerSpace(name) || everywhere(name))
}

/**
 * The workspace permissions, and of the per-space ones those held in every one of these spaces. With
 * no space named, workspace-wide.
 */
export const heldInAll = (rights: Rights, spaceIds: readonly string[]): PermissionName[] =>
  spaceIds.length === 0
    ? workspaceWide(rights)
    : inOrder(rights.permissions).filter(
        (name) => !isPerSpace(name) || holdsInEvery(rights, name, spaceIds),
      )

/** What is held in each space within reach; undefined with all spaces. */
export const heldBySpace = (rights: Rights): Record<string, PermissionName[]> | undefined =>
  rights.allSpaces
    ? undefined
    : Object.fromEntries([...rights.spaces].map(([spaceId, held]) => [spaceId, inOrder(held)]))

/** A set as a list, in the catalogue's order. */
export const inOrder = (set: PermissionSet): PermissionName[] =>
  permissionNames.filter((name) => set.has(name))
