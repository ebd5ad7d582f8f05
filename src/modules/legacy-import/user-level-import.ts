import { insertNewRows, insertRows } from '../../db/insert-rows.ts'
import { findKeyPrefixes } from '../../db/key-prefixes.ts'
import type { Deps } from '../../deps.ts'
import type { UserError } from '../../errors.ts'
import { isIdOf, newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameInput, nameKey } from '../../input/text.ts'
import { retryWithLocks } from '../../transactions/retry-with-locks.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { hashText } from './import-context.ts'
import { recordLegacyKeys } from './legacy-secrets.ts'
import { recordEntry, rowIn } from './provision.ts'
import { type LegacySecret, type LegacySecretInput, legacySecretInput } from './secret-input.ts'
import {
  findMemberships,
  findSurroundings,
  type NameHolder,
  nameSlot,
  nowhere,
  type Surroundings,
} from './user-level-context.ts'

/** A user-level key to import, by its secret or hash, for a person. */
export interface UserLevelKeyInput extends LegacySecretInput {
  readonly name: string
  /** A user id. */
  readonly ownerId: string
}

/** What came of one of them. */
export interface ImportedUserLevelKey {
  /** Whether it was there already. */
  readonly isKnown: boolean
  /** Why it was not imported; empty when it was, or was known. */
  readonly errors: readonly UserError[]
}

interface ReadKey {
  readonly id: string
  readonly ownerId: string
  readonly name: string
  readonly secret: LegacySecret
  readonly problems: ValidationErrors
}

/** What becomes of a key, before anything is stored. */
interface Decided {
  readonly key: ReadKey
  /** Where it is to be entered; absent: nowhere, for it is known or refused. */
  readonly places?: readonly WorkspaceTransaction[]
  /** The expired keys that lose the name to it. */
  readonly losers: readonly NameHolder[]
}

function getKey(prefixes: ReadonlySet<string>, { ownerId, ...input }: UserLevelKeyInput): ReadKey {
  const problems = new ValidationErrors()
  const name = nameInput(problems, ['name'], input.name)
  const secret = legacySecretInput(problems, [], input, prefixes)
  return { id: newId('key'), ownerId, name, secret, problems }
}

const recordKnown = ({ problems }: ReadKey): void =>
  problems.add(
    'CONFLICT',
    ['value'],
    'This secret is known already, as that of another or of a revoked key.',
  )

const isAfterSunset = ({
  workspace: { legacyKeySunsetAt: sunset },
  now,
}: WorkspaceTransaction): boolean => sunset !== null && sunset <= now

/** Decides on keys one after the other, each held against what is there and those before it. */
function decider({ machines, places, ...there }: Surroundings): (key: ReadKey) => Decided {
  const secrets = new Map(there.secrets)
  const taken = new Set<string>()

  return (key) => {
    const { ownerId, name, secret, problems } = key
    const refused = { key, losers: [] }
    const its = places.get(ownerId) ?? []
    if (machines.has(ownerId))
      problems.add('INVALID', ['ownerId'], 'A machine user is in one workspace: import it there.')
    else if (its.length === 0)
      problems.add('NOT_FOUND', ['ownerId'], 'There is no such person in any workspace.')
    else if (its.every(isAfterSunset))
      problems.add('WRONG_STATE', [], 'The sunset of legacy keys has passed wherever they are.')
    if (problems.any) return refused
    const text = hashText(secret.hash)
    const holder = secrets.get(text)
    if (holder !== undefined) {
      if (holder !== ownerId) recordKnown(key)
      return refused
    }
    const slots = its.map(({ workspace }) =>
      nameSlot({ workspaceId: workspace.id, ownerId, nameKey: nameKey(name) }),
    )
    const holders = slots.flatMap((slot) => there.names.get(slot) ?? [])
    if (slots.some((slot) => taken.has(slot)) || holders.some(({ isExpired }) => !isExpired)) {
      problems.add('NAME_TAKEN', ['name'], 'The owner has a live key of this name.')
      return refused
    }
    secrets.set(text, ownerId)
    for (const slot of slots) taken.add(slot)
    return { key, places: its, losers: holders }
  }
}

/**
 * Stores keys, with an event in each of their workspaces. A few statements for all of them,
 * and one for each expired key that loses its name.
 *
 * @returns the ids of those that were stored; another import has taken in the secrets of others
 */
async function store(
  c: WorkspaceTransaction,
  decided: readonly Decided[],
): Promise<ReadonlySet<string>> {
  const { db, now } = c
  const made = decided.flatMap(({ key: { id, ownerId, name, secret }, places }) =>
    places === undefined ? [] : [{ id, userId: ownerId, name, ...secret, createdAt: now }],
  )
  const hashes = new Set((await insertNewRows(db, 'UserLegacyKey', made, 'hash')).map(hashText))
  const stored = made.filter(({ hash }) => hashes.has(hashText(hash)))
  const byId = new Map(stored.map((row) => [row.id, row]))
  for (const { workspaceId, id } of decided.flatMap(({ losers }) => losers))
    await db.apiKey.update({
      where: { workspaceId_id: { workspaceId, id } },
      data: { nameKey: null },
    })
  const entries = decided.flatMap(({ key, places = [] }) => {
    const row = byId.get(key.id)
    return row === undefined ? [] : places.map((place) => ({ place, row }))
  })
  await insertRows(
    db,
    'ApiKey',
    entries.map(({ place, row }) => rowIn(place, row)),
  )
  for (const { place, row } of entries) recordEntry(place, row)
  await recordLegacyKeys(c)
  return new Set(byId.keys())
}

/**
 * Imports user-level keys for people, on behalf of the operator: each works in every workspace that
 * its owner is in, and will in those that they come into. What is wrong with one is told of that one,
 * and the others are imported. A key that is there already, for the same owner, stays as it is, a
 * revoked one stays revoked, and one that no workspace would accept after its sunset is refused. Their
 * number is not held against a workspace's plan.
 */
export async function importUserLevelKeys(
  deps: Deps,
  inputs: readonly UserLevelKeyInput[],
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly ImportedUserLevelKey[]> {
  const ownerIds = inputs.map(({ ownerId }) => ownerId).filter((id) => isIdOf('usr', id))
  const importIn = async (
    changes: readonly [WorkspaceTransaction, ...WorkspaceTransaction[]],
  ): Promise<Decided[]> => {
    const [c] = changes
    // Another server may have begun to make keys with a prefix that this one does not know.
    const prefixes = await findKeyPrefixes(c.db)
    const keys = inputs.map((input) => getKey(prefixes, input))
    const wellFormed = keys.filter(({ problems }) => !problems.any)
    const surroundings = await findSurroundings(changes, {
      ownerIds,
      hashes: wellFormed.map(({ secret }) => secret.hash),
      nameKeys: wellFormed.map(({ name }) => nameKey(name)),
    })
    const decided = keys.map(decider(surroundings))
    const isMade = decided.some(({ places }) => places !== undefined)
    const stored = isMade && !dryRun ? await store(c, decided) : undefined
    for (const { key, places } of decided)
      if (places !== undefined && stored?.has(key.id) === false) recordKnown(key)
    return decided
  }
  const decided = await retryWithLocks(
    async () => (await findMemberships(deps.prisma, ownerIds)).map((it) => it.workspaceId),
    async ([first, ...others]) =>
      first === undefined
        ? inputs.map((input) => decider(nowhere)(getKey(deps.keyPrefixes, input)))
        : await asOperator(deps, first, (c, there) => importIn([c, ...there]), { others }),
  )
  return decided.map(({ key: { problems }, places }) => ({
    isKnown: places === undefined && !problems.any,
    errors: problems.errors,
  }))
}
