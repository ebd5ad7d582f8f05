import { delegationErrors, emptyTerms } from '../../auth/delegation.ts'
import { findKeyPrefixes } from '../../db/key-prefixes.ts'
import type { Deps } from '../../deps.ts'
import { type UserError, userError } from '../../errors.ts'
import type { ApiKey } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import { retryWithLocks } from '../../transactions/retry-with-locks.ts'
import {
  asOperator,
  inWorkspaceTransaction,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { findOwners, type Import, isPastSunset, readImportContext } from './import-context.ts'
import { type LegacyKeyInput, parseLegacyKey } from './legacy-key.input.ts'
import { emptyContext, type PlannedKey, planImport } from './plan-import.ts'
import { storeLegacyKeys } from './store-keys.ts'

/** Of all keys of a call together: the workspace is locked while they are stored. */
export const maxGrantsAtOnce = 10_000

type Inputs = readonly LegacyKeyInput[]

interface Options {
  /** Checks everything, stores nothing. */
  readonly dryRun: boolean
}

/** The result of one key of an import by the API. */
export interface ImportedKey {
  /** Its place in the input. */
  readonly index: number
  /** The key that was imported, or was there; null with errors, and for one that a dry run would import. */
  readonly apiKey: ApiKey | null
  readonly errors: readonly UserError[]
}

/** The result of one key of an import by the operator. */
export interface OperatorImport {
  /** Whether it was there already. */
  readonly isKnown: boolean
  /** Why it was not imported; paths are relative to the key. */
  readonly errors: readonly UserError[]
}

const resultOf = ({ id, created, problems: { any, errors } }: PlannedKey): OperatorImport => ({
  isKnown: id !== undefined && created === undefined && !any,
  errors,
})

/**
 * Imports keys in an open transaction: reads, plans, and unless it is a dry run stores.
 *
 * @returns with the keys how many have the secret of another key, which shows only as they are stored
 */
async function importInto(target: Import, inputs: Inputs, { dryRun }: Options) {
  const { caller, changes } = target
  const [{ db, workspace }] = changes
  // Another server may have begun to make keys with a prefix that this one does not know.
  const prefixes = await findKeyPrefixes(db)
  const rules = { prefixes, allowsHashes: caller === null || workspace.hashImport }
  const keys = inputs.map((input) => parseLegacyKey(input, rules))
  const planned = planImport(await readImportContext(target, keys), keys)
  const created = planned.flatMap((key) => key.created ?? [])
  const isStored = created.length > 0 && !dryRun
  const lost: ReadonlySet<string | undefined> = isStored
    ? await storeLegacyKeys(target, created)
    : new Set()
  // Whose it is, what for and in which workspace is not told.
  for (const { id, problems } of planned)
    if (lost.has(id)) problems.add('CONFLICT', ['value'], 'This secret cannot be imported.')
  return { planned, lost: lost.size }
}

/**
 * @throws UserInputError for a caller with bounds, for an imported key has none and would exceed them;
 *   WRONG_STATE after the sunset, when no key would ever be accepted
 */
function assertImportsAny(c: WorkspaceTransaction, caller: Import['caller']): void {
  const problems = new ValidationErrors()
  const terms = caller && emptyTerms(caller.user.id, caller.user.kind)
  for (const { code, message } of terms ? delegationErrors(caller, terms) : [])
    problems.add(code, [], `${message} An imported key has no expiry, limit or address rule.`)
  if (isPastSunset(c))
    problems.add('WRONG_STATE', [], 'The sunset of legacy keys has passed in this workspace.')
  problems.throwIfAny()
}

function assertSize(keys: Inputs): void {
  const path = ['input', 'keys']
  if (keys.length === 0) throw userError('INVALID', path, 'At least one key is imported.')
  const grants = keys.reduce((count, { spaceIds }) => count + (spaceIds?.length ?? 0), 0)
  if (grants > maxGrantsAtOnce)
    throw userError('INVALID', path, `At most ${maxGrantsAtOnce} spaces are possible at a time.`)
}

/**
 * Imports keys that were issued elsewhere, each by its secret or its hash, and each at most as strong
 * as the caller. A refused key does not keep out the others. A key that is there already, for the same
 * owner and with the same grants, stays as it is. With `dryRun` all is checked and nothing stored.
 * That a secret is another's shows only when it is stored, and is a failed attempt of the caller's
 * address.
 *
 * @throws UserInputError INVALID for no keys or too many spaces, EXPIRY_NOT_ALLOWED or INVALID for a
 *   caller with bounds, WRONG_STATE after the sunset; RequestError RATE_LIMITED from an address with
 *   too many failed attempts, or with them
 */
export async function importLegacyKeys(
  context: ServiceContext,
  { keys, ...input }: { readonly keys: Inputs; readonly dryRun?: boolean | null | undefined },
): Promise<ImportedKey[]> {
  assertSize(keys)
  const dryRun = input.dryRun ?? false
  const { failedAuth } = context.deps.limits
  const source = { address: context.address }
  if (!dryRun) await failedAuth.assertFewFailures(source)
  return await inWorkspaceTransaction(context, { permission: 'keys:create' }, async (c) => {
    const { db, workspace, caller } = c
    assertImportsAny(c, caller)
    const target = { level: 'workspace', caller, changes: [c] } as const
    const { planned, lost } = await importInto(target, keys, { dryRun })
    if (lost > 0) await failedAuth.failed(source, lost)
    const ids = planned.flatMap(({ id }) => id ?? [])
    const rows = await db.apiKey.findMany({ where: { workspaceId: workspace.id, id: { in: ids } } })
    const byId = new Map(rows.map((row) => [row.id, row]))
    return planned.map(({ id = '', problems: { errors } }, index) => {
      const place = ['input', 'keys', String(index)]
      const inCall = ({ path, ...error }: UserError): UserError => {
        return { ...error, path: [...place, ...(path ?? []).slice(1)] }
      }
      return { index, apiKey: byId.get(id) ?? null, errors: errors.map(inCall) }
    })
  })
}

/**
 * Imports keys on behalf of the operator: of any strength, for any member, as many as they choose. A
 * user-level key works in every workspace that its owner is in, and will in those that they join; it
 * does not count for a workspace's plan, and is refused where no workspace would accept it after its
 * sunset.
 *
 * @param workspaceId null: the keys are user-level keys
 * @throws UserInputError WRONG_STATE after the sunset of the workspace
 */
export const importAsOperator = (
  deps: Deps,
  workspaceId: string | null,
  keys: Inputs,
  options: Options,
): Promise<OperatorImport[]> => {
  const level = workspaceId === null ? 'user' : 'workspace'
  const findWorkspaces = async (): Promise<string[]> => {
    const ownerIds = keys.map(({ ownerId }) => ownerId)
    return (await findOwners(deps.prisma, ownerIds)).flatMap(({ workspaceIds }) => workspaceIds)
  }
  const importInAll = async (
    c: WorkspaceTransaction,
    others: readonly WorkspaceTransaction[],
  ): Promise<OperatorImport[]> => {
    if (workspaceId !== null) assertImportsAny(c, null)
    const target = { level, caller: null, changes: [c, ...others] } as const
    return (await importInto(target, keys, options)).planned.map(resultOf)
  }
  return retryWithLocks(
    async () => (workspaceId === null ? await findWorkspaces() : [workspaceId]),
    async ([first, ...others]) => {
      if (first !== undefined) return await asOperator(deps, first, importInAll, { others })
      const rules = { prefixes: deps.keyPrefixes, allowsHashes: true }
      const parsed = keys.map((key) => parseLegacyKey(key, rules))
      return planImport(emptyContext, parsed).map(resultOf)
    },
  )
}
