import type { KeySettings } from '../../auth/delegation.ts'
import { covers, expand, isPerSpace } from '../../auth/permissions.ts'
import { holds } from '../../auth/policy.ts'
import { isId } from '../../ids.ts'
import { addressList } from '../../input/addresses.ts'
import { validateKnownIds } from '../../input/ids.ts'
import { permissionNamesInput, validateRequirements } from '../../input/permission-list.ts'
import type { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import type { ActorTransaction } from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import { expiryInput, requestsPerMinuteInput } from './bounds-input.ts'

/** One space of a key, as it is written in an input. */
export interface SpaceGrantInput {
  readonly spaceId: string
  readonly permissions?: readonly string[] | null | undefined
}

/** The part of an input that says what a key may do, where, from where, how long and how often. */
export interface KeyTermsInput {
  readonly permissions?: readonly string[] | null | undefined
  readonly scopeIds?: readonly string[] | null | undefined
  readonly allSpaces?: boolean | null | undefined
  readonly spaces?: readonly SpaceGrantInput[] | null | undefined
  readonly expiresAt?: string | null | undefined
  readonly allowedIps?: readonly string[] | null | undefined
  readonly requestsPerMinute?: number | null | undefined
}

export const maxGrants = 1_000
export const maxScopes = 50

/** Fields for which null says nothing: a list is emptied by an empty list. */
const notNullable = ['permissions', 'scopeIds', 'allSpaces', 'spaces'] as const

/** Notes what cannot be null where the input changes a key. */
export function validateNonNull(problems: ValidationErrors, input: KeyTermsInput): void {
  for (const field of notNullable)
    if (input[field] === null) problems.add('INVALID', [field], `${field} cannot be null.`)
}

/**
 * The terms that `base` becomes by the input: absent fields stay, lists replace as a whole. All that
 * is wrong is noted, whoever asks; whether the caller may grant the result is not looked at here.
 */
export async function keyTermsInput(
  c: ActorTransaction,
  problems: ValidationErrors,
  base: KeySettings & { readonly createdAt: Date },
  input: KeyTermsInput,
): Promise<KeySettings> {
  const permissions = input.permissions
    ? permissionNamesInput(problems, ['permissions'], input.permissions)
    : base.permissions
  const scopes = input.scopeIds
    ? await scopesInput(c, problems, base.scopes, input.scopeIds)
    : base.scopes
  const terms: KeySettings = {
    ...base,
    permissions,
    scopes,
    ...(await spacesInput(c, problems, base, input)),
    expiresAt: expiryInput(c, problems, base, input.expiresAt),
    requestsPerMinute: requestsPerMinuteInput(c, problems, base, input.requestsPerMinute),
    allowedIps:
      input.allowedIps === undefined
        ? base.allowedIps
        : input.allowedIps === null
          ? []
          : validateInput(problems, addressList, input.allowedIps, ['allowedIps']),
  }
  if (input.permissions || input.scopeIds || input.spaces) validateHeld(problems, terms, input)
  return terms
}

/** The scopes of these ids. To who may not read scopes there are none but those that the key links. */
async function scopesInput(
  { db, workspace, caller }: ActorTransaction,
  problems: ValidationErrors,
  linked: KeySettings['scopes'],
  ids: readonly string[],
): Promise<KeySettings['scopes']> {
  if (ids.length > maxScopes) {
    problems.add('INVALID', ['scopeIds'], `At most ${maxScopes} scopes are possible.`)
    return []
  }
  const found =
    caller === null || holds(caller.rights, 'scopes:read')
      ? await db.scope.findMany({
          where: { workspaceId: workspace.id, id: { in: ids.filter(isId) }, deletedAt: null },
          select: { id: true, permissions: true },
        })
      : linked
  const byId = new Map(found.map((scope) => [scope.id, scope]))
  validateKnownIds(problems, 'scope', ids, byId, (index) => ['scopeIds', index])
  return ids.flatMap((id) => byId.get(id) ?? [])
}

async function spacesInput(
  c: ActorTransaction,
  problems: ValidationErrors,
  base: KeySettings,
  { allSpaces, spaces }: KeyTermsInput,
): Promise<Pick<KeySettings, 'allSpaces' | 'grants'>> {
  if (spaces && spaces.length > maxGrants) {
    problems.add('INVALID', ['spaces'], `At most ${maxGrants} spaces are possible.`)
    return { allSpaces: false, grants: [] }
  }
  if (allSpaces && spaces && spaces.length > 0)
    problems.add('INVALID', ['spaces'], 'A key is for all spaces or for a list, not both.')
  if (allSpaces) return { allSpaces: true, grants: [] }
  // A list, an empty one as well, takes the place of all spaces.
  if (spaces) return { allSpaces: false, grants: await grantsInput(c, problems, spaces) }
  return { allSpaces: allSpaces ?? base.allSpaces, grants: base.grants }
}

async function grantsInput(
  c: ActorTransaction,
  problems: ValidationErrors,
  spaces: readonly SpaceGrantInput[],
): Promise<KeySettings['grants']> {
  const ids = spaces.map(({ spaceId }) => spaceId)
  await validateSpaceReach(c, problems, ids, (index) => ['spaces', index, 'spaceId'])
  return spaces.map(({ spaceId, permissions }, index) => {
    const path = ['spaces', index, 'permissions']
    return {
      spaceId,
      narrowed: permissions !== null && permissions !== undefined,
      permissions: permissions ? permissionNamesInput(problems, path, permissions) : [],
    }
  })
}

const namesOf = ({ permissions, scopes }: KeySettings): string[] => [
  ...permissions,
  ...scopes.flatMap((scope) => scope.permissions),
]

/**
 * Notes permissions that a new key could use nowhere: all are held per space, and it has none. A list
 * of spaces that is empty says that it is meant so.
 */
export function validateEffect(
  problems: ValidationErrors,
  terms: KeySettings,
  { spaces }: KeyTermsInput,
): void {
  const held = [...expand(namesOf(terms))]
  if (held.length > 0 && !spaces && !terms.allSpaces && held.every(isPerSpace))
    problems.add(
      'INVALID',
      ['spaces'],
      'These permissions are held in spaces, and the key names none: name spaces, or set allSpaces. For a key that is to have no space, give an empty list.',
    )
}

/** Notes requirements that the key, or a grant as it is written, lacks, and grants of what the key does not hold. */
function validateHeld(problems: ValidationErrors, terms: KeySettings, input: KeyTermsInput): void {
  const names = namesOf(terms)
  validateRequirements(problems, ['permissions'], names)
  if (!input.spaces) return
  const held = expand(names)
  const isNarrowing = (name: string): boolean => {
    const inSpace = covers(name).filter(isPerSpace)
    return inSpace.length > 0 && inSpace.every((permission) => held.has(permission))
  }
  terms.grants.forEach(({ permissions }, index) => {
    const path = ['spaces', index, 'permissions']
    permissions.forEach((name, at) => {
      if (covers(name).length > 0 && !isNarrowing(name))
        problems.add(
          'INVALID',
          [...path, at],
          `A grant only narrows: ${name} is not held in a space by this key.`,
        )
    })
    validateRequirements(problems, path, permissions.flatMap(covers).filter(isPerSpace))
  })
}
