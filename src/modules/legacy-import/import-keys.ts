import { delegationErrors } from '../../auth/delegation.ts'
import { findKeyPrefixes } from '../../db/key-prefixes.ts'
import type { Deps } from '../../deps.ts'
import { type UserError, userError } from '../../errors.ts'
import type { ApiKey } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameKey } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { asOperator, inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { findSurroundings, type ImportChange } from './import-context.ts'
import { type LegacyKeyInput, readLegacyKey, termsOf } from './key-input.ts'
import { type Decided, decider, validateNameFree } from './plan-import.ts'
import { storeLegacyKeys } from './store-keys.ts'

/** Of all keys of a call together: the workspace is locked while they are stored. */
export const maxGrantsAtOnce = 10_000

export interface ImportLegacyKeysInput {
  readonly keys: readonly LegacyKeyInput[]
  readonly dryRun?: boolean | null | undefined
}

/** What came of one key. */
export interface ImportedKey {
  /** Its place in the input. */
  readonly index: number
  /** The key that was imported, or was there; null with errors, and for one that a dry run would import. */
  readonly apiKey: ApiKey | null
  /** Whether it was there already. */
  readonly isKnown: boolean
  readonly errors: readonly UserError[]
}

/** What came of a call: of each of its keys. */
export interface ImportedKeys {
  readonly results: readonly ImportedKey[]
}

/**
 * Takes in keys that were issued elsewhere, each by its secret or its hash, and each at most as
 * strong as the caller. What is wrong with one of them is told of that one, and the others are
 * imported. A key that is there already, for the same owner and with the same grants, stays as it is.
 * With `dryRun` all is checked and nothing stored. That a secret is another's is told when it is
 * stored, and is a failed attempt of the caller's address.
 *
 * @throws UserInputError INVALID for no keys or too many spaces, EXPIRY_NOT_ALLOWED or INVALID for a
 *   caller with bounds, WRONG_STATE after the sunset; RequestError RATE_LIMITED from an address with
 *   too many failed attempts, or with them
 */
export async function importLegacyKeys(
  context: ServiceContext,
  input: ImportLegacyKeysInput,
): Promise<ImportedKeys> {
  assertSize(input)
  const { failedAuth } = context.deps.limits
  const source = { address: context.address }
  if (!input.dryRun) await failedAuth.assertFewFailures(source)
  return await inWorkspaceTransaction(context, { permission: 'keys:create' }, async (c) => {
    const { taken, ...imported } = await importInto(c, input)
    if (taken > 0) await failedAuth.failed(source, taken)
    return imported
  })
}

/**
 * The same on behalf of the operator: of any strength, and for any member of the workspace. How much
 * is imported at a time is for them to choose.
 *
 * @throws UserInputError WRONG_STATE after the sunset
 */
export async function importLegacyKeysAsOperator(
  deps: Deps,
  workspaceId: string,
  input: ImportLegacyKeysInput,
): Promise<ImportedKeys> {
  return await asOperator(deps, workspaceId, (c) => importInto({ ...c, caller: null }, input))
}

function assertSize({ keys }: ImportLegacyKeysInput): void {
  const path = ['input', 'keys']
  if (keys.length === 0) throw userError('INVALID', path, 'At least one key is imported.')
  const grants = keys.reduce((count, { spaceIds }) => count + (spaceIds?.length ?? 0), 0)
  if (grants > maxGrantsAtOnce)
    throw userError('INVALID', path, `At most ${maxGrantsAtOnce} spaces are possible at a time.`)
}

interface Imported extends ImportedKeys {
  /** How many of the secrets are others'. */
  readonly taken: number
}

async function importInto(
  c: ImportChange,
  { keys, dryRun }: ImportLegacyKeysInput,
): Promise<Imported> {
  assertImportsAny(c)
  // Another server may have begun to make keys with a prefix that this one does not know.
  const prefixes = await findKeyPrefixes(c.db)
  const read = keys.map((key, index) => readLegacyKey(c, key, index, prefixes))
  const wellFormed = read.filter(({ problems }) => !problems.any)
  const surroundings = await findSurroundings(c, {
    ownerIds: keys.map(({ ownerId }) => ownerId),
    spaceIds: keys.flatMap(({ spaceIds }) => spaceIds ?? []),
    hashes: wellFormed.map(({ secret }) => secret.hash),
    nameKeys: wellFormed.map(({ name }) => nameKey(name)),
  })
  const decided = read.map(decider(c, surroundings))
  const made = decided.flatMap((it) => it.made ?? [])
  const taken = dryRun || made.length === 0 ? new Set<string>() : await storeLegacyKeys(c, made)
  for (const { key, id } of decided) if (id !== undefined && taken.has(id)) validateNameFree(key)
  return { results: await shownResults(c, decided), taken: taken.size }
}

/**
 * An imported key has no bounds of its own, so that a caller with some could give none that stays
 * within them; and after the sunset none would ever be accepted.
 */
function assertImportsAny({ caller, workspace, now }: ImportChange): void {
  const problems = new ValidationErrors()
  if (caller !== null)
    for (const { code, message } of delegationErrors(
      caller,
      termsOf(caller.user.id, caller.user.kind),
    ))
      problems.add(code, [], `${message} An imported key has no expiry, limit or address rule.`)
  const { legacyKeySunsetAt: sunset } = workspace
  if (sunset !== null && sunset <= now)
    problems.add('WRONG_STATE', [], 'The sunset of legacy keys has passed in this workspace.')
  problems.throwIfAny()
}

async function shownResults(
  { db, workspace }: ImportChange,
  decided: readonly Decided[],
): Promise<ImportedKey[]> {
  const ids = [...new Set(decided.flatMap(({ id }) => id ?? []))]
  const rows = await db.apiKey.findMany({ where: { workspaceId: workspace.id, id: { in: ids } } })
  const byId = new Map(rows.map((row) => [row.id, row]))
  return decided.map(({ key: { index, problems }, id, made }) => ({
    index,
    apiKey: (id !== undefined && !problems.any && byId.get(id)) || null,
    isKnown: id !== undefined && made === undefined,
    errors: problems.errors,
  }))
}
