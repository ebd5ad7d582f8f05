import type { UserErrorCode } from '../errors.ts'
import { isInsideBlocks } from '../input/addresses.ts'
import { type Caller, isSignInOf, type KeyConstraints } from './caller.ts'
import { aliases, covers, expand, type PermissionName } from './permissions.ts'
import { type DeclaredTerms, declaredBy, declaredSpaces, heldIn, holds, reaches } from './policy.ts'

/** A key as it is or would be: what decides whether a caller may grant it. */
export interface KeySettings extends DeclaredTerms {
  readonly ownerId: string
  readonly ownerKind: 'HUMAN' | 'MACHINE'
  readonly expiresAt: Date | null
  readonly requestsPerMinute: number | null
  /** Empty: any address. */
  readonly allowedIps: readonly string[]
  /** The secret that it ends with; null: it ends by itself alone. */
  readonly endsWithSecretId: string | null
}

/** The terms of a key that has nothing but an owner. */
export const emptyTerms = (ownerId: string, ownerKind: KeySettings['ownerKind']): KeySettings => ({
  ownerId,
  ownerKind,
  permissions: [],
  scopes: [],
  allSpaces: false,
  grants: [],
  expiresAt: null,
  requestsPerMinute: null,
  allowedIps: [],
  endsWithSecretId: null,
})

/** The terms of a person's key that may do whatever they may. */
export const fullTerms = (ownerId: string): KeySettings => ({
  ...emptyTerms(ownerId, 'HUMAN'),
  permissions: ['*'],
  allSpaces: true,
})

/** What of a caller decides what they may grant. */
export type Grantor = Pick<Caller, 'kind' | 'user' | 'allSpaces' | 'bounds' | 'rights'>

/** Why a key is not grantable, and the field of the key that says so. */
export interface GrantProblem {
  readonly code: UserErrorCode
  readonly field: readonly (string | number)[]
  readonly message: string
}

/** The field that brings the permission in: the first direct name or scope that covers it. */
function fieldOf(terms: KeySettings, permission: PermissionName): (string | number)[] {
  const brings = (name: string): boolean => covers(name).includes(permission)
  const direct = terms.permissions.findIndex(brings)
  if (direct >= 0) return ['permissions', direct]
  const scope = terms.scopes.findIndex(({ permissions }) => permissions.some(brings))
  return scope >= 0 ? ['scopeIds', scope] : ['permissions']
}

/** A person's own key may declare more than their role: their live role cuts it. */
const isCutByLiveRole = (caller: Grantor, { ownerId }: KeySettings): boolean =>
  isSignInOf(caller, ownerId)

/** Whether the caller may read that the key declares it: a scope is read by who may read scopes. */
const isReadable = ({ rights }: Grantor, terms: KeySettings, name: PermissionName): boolean =>
  holds(rights, 'scopes:read') || expand(terms.permissions).has(name)

const ofScopes = 'all that its scopes hold'

/** What the key declares must be held at all, whatever spaces it names and how they narrow it. */
function permissionProblems(caller: Grantor, terms: KeySettings): GrantProblem[] {
  if (isCutByLiveRole(caller, terms)) return []
  const code = 'PERMISSION_NOT_GRANTABLE'
  const isCompared = (name: PermissionName): boolean =>
    !(name === 'members:own' && terms.ownerKind === 'MACHINE')
  const missing = [...expand(declaredBy(terms).permissions)].filter(
    (name) => isCompared(name) && !holds(caller.rights, name),
  )
  const named = missing.filter((name) => isReadable(caller, terms, name))
  const problems: GrantProblem[] = named.map((name) => {
    return { code, field: fieldOf(terms, name), message: `You do not hold ${name}.` }
  })
  if (missing.length > named.length)
    problems.push({ code, field: ['scopeIds'], message: `You do not hold ${ofScopes}.` })
  return problems
}

/** What the caller holds must be held in each space of the key as well. */
function spaceProblems(caller: Grantor, terms: KeySettings): GrantProblem[] {
  const { rights, user } = caller
  if (terms.allSpaces)
    return rights.allSpaces || (terms.ownerId === user.id && caller.allSpaces)
      ? []
      : [{ code: 'SPACE_NOT_GRANTABLE', field: ['allSpaces'], message: 'You have not all spaces.' }]
  const declared = isCutByLiveRole(caller, terms) ? undefined : declaredSpaces(declaredBy(terms))
  const namesOf = (missing: readonly PermissionName[]): string => {
    const named = missing.filter((name) => isReadable(caller, terms, name))
    const all = [...named, ...(missing.length > named.length ? [ofScopes] : [])]
    return all.join(', ') || 'anything'
  }
  return terms.grants.flatMap(({ spaceId }, index): GrantProblem[] => {
    const held = heldIn(rights, spaceId)
    const missing = [...(declared?.get(spaceId) ?? [])].filter(
      (name) => holds(rights, name) && !held.has(name),
    )
    if (missing.length === 0 && reaches(rights, spaceId)) return []
    return [
      {
        code: 'SPACE_NOT_GRANTABLE',
        field: ['spaces', index, 'spaceId'],
        message: `You do not hold ${namesOf(missing)} in this space.`,
      },
    ]
  })
}

/** Whether the key ends with each of the secrets that whatever the caller makes must end with. */
const endsWithAll = ({ endsWithSecretId }: KeySettings, { endsWith }: KeyConstraints): boolean =>
  endsWith.every((secretId) => secretId === endsWithSecretId)

function boundProblems({ bounds }: Grantor, terms: KeySettings): GrantProblem[] {
  const problems: GrantProblem[] = []
  const add = (code: UserErrorCode, field: readonly (string | number)[], message: string): void =>
    void problems.push({ code, field, message })
  const { expiresAt } = bounds
  if (!endsWithAll(terms, bounds))
    add(
      'EXPIRY_NOT_ALLOWED',
      ['expiresAt'],
      'What the calling secret makes ends with it, and this key does not: use the newer secret.',
    )
  else if (expiresAt !== null && (terms.expiresAt === null || terms.expiresAt > expiresAt))
    add(
      'EXPIRY_NOT_ALLOWED',
      ['expiresAt'],
      `The calling credential expires; this key must too, by ${expiresAt.toISOString()}.`,
    )
  const limit = bounds.requestsPerMinute
  if (limit !== null && (terms.requestsPerMinute === null || terms.requestsPerMinute > limit))
    add('INVALID', ['requestsPerMinute'], `The calling key's own limit is ${limit}.`)
  if (bounds.allowedIps.length > 0) {
    if (terms.allowedIps.length === 0)
      add('INVALID', ['allowedIps'], 'The calling key has an address rule; this one must too.')
    terms.allowedIps.forEach((block, index) => {
      if (!isInsideBlocks(block, bounds.allowedIps))
        add('INVALID', ['allowedIps', index], "This lies outside the calling key's addresses.")
    })
  }
  return problems
}

/**
 * Why the caller may not grant such a key; empty when they may. What the key declares, without its
 * owner's ceiling, must lie within what the caller can do now, and its bounds within the caller's:
 * a key never yields a stronger one. For a machine user's key members:own is left out, for no
 * machine user can ever hold it.
 */
export const delegationErrors = (caller: Grantor, terms: KeySettings): GrantProblem[] => [
  ...permissionProblems(caller, terms),
  ...spaceProblems(caller, terms),
  ...boundProblems(caller, terms),
]

/** Whether `names` cover the name now and whatever is added to it later. */
const coversForGood = (names: readonly string[], name: string): boolean =>
  aliases.has(name)
    ? names.includes(name) || names.includes('*')
    : covers(name).every((permission) => expand(names).has(permission))

const allCoveredForGood = (names: readonly string[], within: readonly string[]): boolean =>
  names.every((name) => coversForGood(within, name))

/**
 * Whether no source of the key's permissions grows: the key itself, and each linked scope. Compared one
 * by one, for a scope is narrowed or widened later by itself: what passes from a scope to the key would
 * be kept, and a further scope may give something tomorrow that it does not give now.
 */
const permissionsNarrow = (before: KeySettings, after: KeySettings): boolean =>
  allCoveredForGood(after.permissions, before.permissions) &&
  after.scopes.every(({ id, permissions }) => {
    const linked = before.scopes.find((scope) => scope.id === id)
    return linked !== undefined && allCoveredForGood(permissions, linked.permissions)
  })

/** Whether nothing that the key can do, nor where, from where, how long and how often, grows. */
export function isAttenuation(before: KeySettings, after: KeySettings): boolean {
  const was = declaredBy(before)
  const is = declaredBy(after)
  const spacesNarrow = [...is.grants].every(([spaceId, narrowing]) => {
    if (was.allSpaces) return true
    const earlier = was.grants.get(spaceId)
    if (earlier === undefined) return false
    return earlier === null || (narrowing !== null && allCoveredForGood(narrowing, earlier))
  })
  return (
    after.ownerId === before.ownerId &&
    permissionsNarrow(before, after) &&
    (was.allSpaces || !is.allSpaces) &&
    spacesNarrow &&
    isWithin(after.expiresAt, before.expiresAt) &&
    isWithin(after.requestsPerMinute, before.requestsPerMinute) &&
    areBlocksWithin(after.allowedIps, before.allowedIps)
  )
}

const isWithin = <T extends Date | number>(after: T | null, before: T | null): boolean =>
  before === null || (after !== null && after <= before)

const areBlocksWithin = (after: readonly string[], before: readonly string[]): boolean =>
  before.length === 0 || (after.length > 0 && after.every((block) => isInsideBlocks(block, before)))
