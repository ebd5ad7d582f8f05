import type { Caller } from '../../auth/caller.ts'
import { delegationErrors, emptyTerms, fullTerms, type KeySettings } from '../../auth/delegation.ts'
import { holds } from '../../auth/policy.ts'
import type { UserErrorCode } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { validateKnownIds } from '../../input/ids.ts'
import { nameKey } from '../../input/text.ts'
import { isWithinKeyRole } from '../api-key/find-key-for-update.ts'
import { nameTaken } from '../api-key/key-name.ts'
import { maxGrants } from '../api-key/terms-input.ts'
import type { LegacySecret, ParsedKey } from './legacy-key.input.ts'

/** Whether keys belong to one workspace, or to a person in every workspace of theirs. */
export type Level = 'workspace' | 'user'

/** A user with the workspaces, of those in question, that they are a member of. */
export interface Owner {
  readonly id: string
  readonly kind: KeySettings['ownerKind']
  readonly workspaceIds: readonly string[]
}

/** A key that has a name among the keys of its owner. */
export interface NameHolder {
  readonly workspaceId: string
  readonly id: string
  /** Whether it would lose the name to a key that takes it. */
  readonly isExpired: boolean
  /** Whether the importer may read it. */
  readonly isReadable: boolean
}

/** An imported key that another import of its secret may ask for. */
export type KnownKey = KeySettings & { readonly id: string }

/** The stored state that the keys of an import are checked against. */
export interface ImportContext {
  readonly level: Level
  /** Who must be able to grant the keys; null: the operator, who may import any, for any member. */
  readonly caller: Caller | null
  /** The named owners who are members, by user id. */
  readonly owners: ReadonlyMap<string, Owner>
  /** The workspaces where the sunset of legacy keys has passed. */
  readonly pastSunset: ReadonlySet<string>
  /** The named spaces that the caller reaches; for the operator every one that is there. */
  readonly spaces: ReadonlySet<string>
  /** The known ones of the secrets, by `hashText`; null: no import of it can be the same key. */
  readonly secrets: ReadonlyMap<string, KnownKey | null>
  /** The keys that have the given names, by `nameSlot`. */
  readonly names: ReadonlyMap<string, NameHolder>
  /** How many more live keys the plan allows. */
  readonly capacity: number
}

/** For user-level keys none of whose owners is in a workspace. */
export const emptyContext: ImportContext = {
  level: 'user',
  caller: null,
  owners: new Map(),
  pastSunset: new Set(),
  spaces: new Set(),
  secrets: new Map(),
  names: new Map(),
  capacity: Infinity,
}

/** A legacy key to store, all of it checked. */
export interface NewLegacyKey extends LegacySecret {
  readonly id: string
  readonly name: string
  readonly level: Level
  readonly terms: KeySettings
  readonly workspaceIds: readonly string[]
  /** The expired keys that lose the name to it. */
  readonly losers: readonly NameHolder[]
}

/** The decision on one key. */
export interface PlannedKey extends ParsedKey {
  /** Of the key that is there already, or is to be stored; absent: it is refused. */
  readonly id?: string
  /** Absent: nothing is to be stored. */
  readonly created?: NewLegacyKey
}

/** A hash as text, to find it by. */
export const hashText = (hash: Uint8Array): string => Buffer.from(hash).toString('base64')

/** A name among those of one owner in a workspace. */
export const nameSlot = (workspaceId: string, ownerId: string, key: string): string =>
  JSON.stringify([workspaceId, ownerId, key])

/** Finds the owner; undefined, and noted, where the key may not be theirs. */
function ownerOf(
  { level, caller, owners, pastSunset }: ImportContext,
  { input: { ownerId }, problems }: ParsedKey,
): Owner | undefined {
  const refuse = (code: UserErrorCode, message: string, path = ['ownerId']): undefined =>
    void problems.add(code, path, message)
  const owner = owners.get(ownerId)
  const isForOther = caller !== null && ownerId !== caller.user.id
  if (isForOther && !isWithinKeyRole({ caller }, ownerId))
    return refuse('PERMISSION_NOT_GRANTABLE', 'You may import keys of your own only.')
  if (owner === undefined || (isForOther && !holds(caller.rights, 'members:read')))
    return refuse('NOT_FOUND', 'No member has this user id.')
  if (isForOther && owner.kind !== 'MACHINE')
    return refuse('PERMISSION_NOT_GRANTABLE', 'Import keys for yourself or for a machine user.')
  if (level === 'user' && owner.kind === 'MACHINE')
    return refuse('INVALID', 'A machine user is in one workspace: import it there.')
  if (level === 'user' && owner.workspaceIds.every((id) => pastSunset.has(id)))
    return refuse('WRONG_STATE', 'The sunset of legacy keys has passed wherever they are.', [])
  return owner
}

/** The terms of a key; undefined, and noted, where the caller may not grant them. */
function termsOf(
  { level, caller }: ImportContext,
  { input: { allSpaces, spaceIds }, problems, permissions }: ParsedKey,
  { id, kind }: Owner,
): KeySettings | undefined {
  if (level === 'user') return fullTerms(id)
  const grants = (spaceIds ?? []).map((spaceId) => ({ spaceId, narrowed: false, permissions: [] }))
  const own = { permissions, allSpaces: allSpaces ?? false, grants }
  const terms = { ...emptyTerms(id, kind), ...own }
  for (const { code, field, message } of caller === null ? [] : delegationErrors(caller, terms)) {
    const [name, index = 0] = field
    problems.add(code, name === 'spaces' ? ['spaceIds', index] : field, message)
  }
  return problems.any ? undefined : terms
}

/** What must be equal for a stored key to be the one that an import asks for. */
const grantText = ({ ownerId, permissions, scopes, allSpaces, grants }: KeySettings): string => {
  const spaces = grants.map(({ spaceId, narrowed }) => `${spaceId} ${narrowed}`).sort()
  return JSON.stringify([ownerId, [...new Set(permissions)].sort(), scopes, allSpaces, spaces])
}

/**
 * Plans an import: decides on each key in turn, checked against what is stored and against the keys
 * before it. Nothing is read or written.
 */
export function planImport(context: ImportContext, keys: readonly ParsedKey[]): PlannedKey[] {
  const { level, names, spaces, capacity } = context
  const secrets = new Map(context.secrets)
  const takenSlots = new Set<string>()
  let count = 0

  return keys.map((key) => {
    const { problems, name, secret, input } = key
    const { ownerId, spaceIds } = input
    const owner = ownerOf(context, key)
    if (spaceIds && spaceIds.length <= maxGrants)
      validateKnownIds(problems, 'space', spaceIds, spaces, (index) => ['spaceIds', index])
    if (owner === undefined || problems.any) return key
    const terms = termsOf(context, key, owner)
    if (terms === undefined) return key
    const known = secrets.get(hashText(secret.hash))
    if (known && grantText(known) === grantText(terms)) return { ...key, id: known.id }
    if (known !== undefined) {
      const message =
        'This secret is known already: as that of another or a revoked key, or with other grants.'
      problems.add('CONFLICT', ['value'], message)
      return key
    }
    const { workspaceIds } = owner
    const slots = workspaceIds.map((id) => nameSlot(id, ownerId, nameKey(name)))
    const losers = slots.flatMap((slot) => names.get(slot) ?? [])
    const holder = slots.some((slot) => takenSlots.has(slot))
      ? { isReadable: true }
      : losers.find(({ isExpired }) => !isExpired)
    if (holder !== undefined) {
      const { code, message } = nameTaken(holder)
      problems.add(code, ['name'], message)
    }
    if (count >= capacity) problems.add('LIMIT_REACHED', [], 'The plan allows no more live keys.')
    if (problems.any) return key
    const id = newId('key')
    secrets.set(hashText(secret.hash), { ...terms, id })
    for (const slot of slots) takenSlots.add(slot)
    count += 1
    return { ...key, id, created: { ...secret, id, name, level, terms, workspaceIds, losers } }
  })
}
