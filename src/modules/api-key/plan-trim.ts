import { type KeyRecord, rightsOf } from '../../auth/key-record.ts'
import {
  covers,
  expand,
  isPerSpace,
  type PermissionName,
  type PermissionSet,
  withRequirements,
} from '../../auth/permissions.ts'
import { declaredBy, inOrder, reaches } from '../../auth/policy.ts'
import type { SpaceGrantInput } from './terms-input.ts'
import { neededPermissions } from './used-rights.ts'

/**
 * Why nothing is taken from a key. NOT_RECORDED: its use has not been recorded for so many days. NEW: it
 * was made within them. UNUSED: it used no permission that it holds, which does not tell what it needs; a
 * key that nobody needs is better revoked. EVERYTHING: it holds `*` in all spaces, as who administers the workspace
 * does. USER_LEVEL: it is the same in every workspace of its owner.
 */
export type TrimHold = 'NOT_RECORDED' | 'NEW' | 'UNUSED' | 'EVERYTHING' | 'USER_LEVEL'

/**
 * Why no space is taken from a key. ALL_SPACES: it names none. DEALS_WITH_KEYS: it sees other keys and
 * tokens by the spaces that it reaches. NO_SPACE_USED: it holds permissions that need one, and used none.
 */
export type SpacesHold = 'ALL_SPACES' | 'DEALS_WITH_KEYS' | 'NO_SPACE_USED'

/** What a key did not use, and what of that stays. */
export interface TrimPlan {
  /** Its own, and not given within the days. */
  readonly permissions: readonly PermissionName[]
  readonly spaceIds: readonly string[]
  /** Unused, and held by scopes, which other keys share. */
  readonly ofScopes: readonly PermissionName[]
  /** Unused, and given within the days. */
  readonly recentPermissions: readonly PermissionName[]
  readonly recentSpaceIds: readonly string[]
  readonly hold: TrimHold | null
  readonly spacesHold: SpacesHold | null
  /** The key as it is to be: fields of updateApiKey that change. */
  readonly change: {
    readonly permissions?: readonly string[]
    readonly spaces?: readonly SpaceGrantInput[]
  }
}

/** What is known of a key's use within the days. */
export interface KeyUse {
  /** Undefined: too little is known. */
  readonly permissions: ReadonlySet<string> | undefined
  readonly spaceIds: ReadonlySet<string>
  /** What it was given since; permissions and ids of spaces. */
  readonly recent: ReadonlySet<string>
  readonly since: Date
}

function holdOf(key: KeyRecord, { permissions, since }: KeyUse): TrimHold | null {
  if (key.userLevel) return 'USER_LEVEL'
  if (key.allSpaces && key.permissions.includes('*')) return 'EVERYTHING'
  if (permissions === undefined) return 'NOT_RECORDED'
  if (key.createdAt > since) return 'NEW'
  const held = expand(declaredBy(key).permissions)
  return [...held].some((name) => permissions.has(name)) ? null : 'UNUSED'
}

/**
 * The names without what is not to stay. One of which all that counts stays is kept as it is written, so
 * that an alias still covers what is added to it later.
 */
const cut = (
  names: readonly string[],
  stays: (name: PermissionName) => boolean,
  counts: (name: PermissionName) => boolean = () => true,
): string[] => {
  const kept = names.flatMap((name) => {
    const counting = covers(name).filter(counts)
    return counting.every(stays) ? [name] : counting.filter(stays)
  })
  return [...new Set(kept)]
}

/** Whether other keys and tokens were dealt with: which ones are seen hangs on the spaces within reach. */
const dealsWithKeys = (used: ReadonlySet<string>): boolean =>
  [...used].some((name) => /^(keys:(read|create|update|delete)|tokens:.*)$/.test(name))

/** The grants, each without what the key no longer holds in a space. */
const cutGrants = (grants: KeyRecord['grants'], held: PermissionSet): SpaceGrantInput[] =>
  grants.map(({ spaceId, narrowed, permissions }) => ({
    spaceId,
    permissions: narrowed ? cut(permissions, (name) => held.has(name), isPerSpace) : null,
  }))

/** @param staying the grants of spaces that are not to be taken */
function spacesHoldOf(
  key: KeyRecord,
  used: ReadonlySet<string>,
  held: PermissionSet,
  staying: KeyRecord['grants'],
): SpacesHold | null {
  if (key.allSpaces) return 'ALL_SPACES'
  if (dealsWithKeys(used)) return 'DEALS_WITH_KEYS'
  // Asked for without a space, a per-space permission must be held in some space.
  const rights = rightsOf(key)
  const isSomewhere = staying.some(({ spaceId }) => reaches(rights, spaceId))
  return !isSomewhere && [...held].some(isPerSpace) ? 'NO_SPACE_USED' : null
}

/**
 * What can be taken from a key so that all that it did within the days still works: its own unused
 * permissions, and unused spaces that it names. Scopes are left as they are, for other keys share them.
 */
export function planTrim(key: KeyRecord, use: KeyUse): TrimPlan {
  const hold = holdOf(key, use)
  const used = use.permissions ?? expand(['*'])
  const isRecent = (name: string): boolean => use.recent.has(name)
  const needed = neededPermissions(used)
  const unused = (names: PermissionSet) => inOrder(names).filter((name) => !needed.has(name))
  const direct = unused(expand(key.permissions))
  const recent = withRequirements(direct.filter(isRecent))
  const permissions = direct.filter((name) => !recent.has(name))
  const names = cut(key.permissions, (name) => !permissions.includes(name))
  const ofScopes = expand(key.scopes.flatMap((scope) => scope.permissions))
  const held = expand([...names, ...ofScopes])

  const isUsed = ({ spaceId }: { readonly spaceId: string }) =>
    use.permissions === undefined || use.spaceIds.has(spaceId)
  const staying = key.grants.filter((grant) => isUsed(grant) || isRecent(grant.spaceId))
  const spacesHold = hold === null ? spacesHoldOf(key, used, held, staying) : null
  const grants = spacesHold === null ? staying : key.grants
  const change = {
    ...(permissions.length > 0 && { permissions: names }),
    ...(!key.allSpaces && { spaces: cutGrants(grants, held) }),
  }
  const unusedIds = key.grants.filter((grant) => !isUsed(grant)).map(({ spaceId }) => spaceId)
  const isTrimmed = permissions.length > 0 || grants.length < key.grants.length
  return {
    permissions,
    spaceIds: unusedIds.filter((id) => !isRecent(id)),
    ofScopes: unused(ofScopes),
    recentPermissions: direct.filter((name) => recent.has(name)),
    recentSpaceIds: unusedIds.filter(isRecent),
    hold,
    spacesHold,
    change: hold === null && isTrimmed ? change : {},
  }
}
