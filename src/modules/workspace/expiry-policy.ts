import { delegationErrors, type KeySettings } from '../../auth/delegation.ts'
import {
  effectiveExpiry,
  expiryUnder,
  findKeyRecords,
  type KeyRecord,
} from '../../auth/key-record.ts'
import { type UserErrorCode, userError } from '../../errors.ts'
import { Prisma, type Workspace } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameKey } from '../../input/text.ts'
import { limitsOf } from '../../limits/plans.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { isVisibleKey } from '../api-key/api-key.visibility.ts'
import { formatKeyList } from '../api-key/format-key-list.ts'
import { freeKeyName } from '../api-key/key-name.ts'
import { countLiveKeys } from '../api-key/live-keys.ts'
import { beyondReceivers, findBeyondReceivers } from '../api-key/receivers.ts'

/** What of a workspace's settings ends keys, by the settings' names; null: it ends none. */
export type EndingPolicies = Pick<Workspace, 'maxKeyLifetimeDays' | 'legacyKeySunsetAt'>

/** When the key `k` ends under these policies; null: not by itself. */
export const expiryUnderPolicies = ({
  maxKeyLifetimeDays,
  legacyKeySunsetAt,
}: EndingPolicies): Prisma.Sql =>
  expiryUnder({
    maxKeyLifetimeDays: Prisma.sql`${maxKeyLifetimeDays}::int`,
    legacyKeySunsetAt: Prisma.sql`${legacyKeySunsetAt}::timestamptz`,
  })

interface LongerLife {
  readonly id: string
  readonly isVisible: boolean
  /** Whether it was dead until the policies changed. */
  readonly comesBack: boolean
}

type LongerLived = LongerLife & { readonly record: KeyRecord }

/** Whether something may end later by `after` than by `before`; null: there is no end. */
const isLater = <T extends number | Date>(before: T | null, after: T | null): boolean =>
  before !== null && (after === null || after > before)

/** The settings that let keys live longer than they did before. */
function relaxed(before: EndingPolicies, after: EndingPolicies): (keyof EndingPolicies)[] {
  const names: (keyof EndingPolicies)[] = []
  if (isLater(before.maxKeyLifetimeDays, after.maxKeyLifetimeDays)) names.push('maxKeyLifetimeDays')
  if (isLater(before.legacyKeySunsetAt, after.legacyKeySunsetAt)) names.push('legacyKeySunsetAt')
  return names
}

/** The keys that live longer by the workspace's policies as they are stored now than they did before. */
async function findLongerLived(
  c: CallerTransaction,
  before: EndingPolicies,
): Promise<LongerLived[]> {
  const endBefore = expiryUnderPolicies(before)
  const rows = await c.db.$queryRaw<LongerLife[]>`
    SELECT k.id, (${isVisibleKey(c.caller)}) AS "isVisible",
           (${endBefore} <= clock_timestamp()) AS "comesBack"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${c.workspace.id} AND k."revokedAt" IS NULL
       AND ${endBefore} IS NOT NULL
       AND coalesce(${effectiveExpiry} > greatest(${endBefore}, clock_timestamp()), TRUE)
     ORDER BY k.id`
  const byId = new Map(rows.map((row) => [row.id, row]))
  const records = await findKeyRecords(c.db, c.workspace.id, [...byId.keys()])
  return records.flatMap((record) => {
    const row = byId.get(record.id)
    return row === undefined ? [] : { ...row, record }
  })
}

/**
 * Whether the caller may have changed the policies from what they were before: every key that lives
 * longer by it must be one that they could grant until its new end. Keys that come back to life must
 * be ones that who was given their secrets could grant as well, count for the plan's limit, and take
 * their names again. To be asked once the new
 * policies are stored.
 *
 * @throws UserInputError at the input's one setting that lets keys live longer, or at the input where
 *   both do: PERMISSION_NOT_GRANTABLE, SPACE_NOT_GRANTABLE, EXPIRY_NOT_ALLOWED or INVALID for keys
 *   beyond the caller, LIMIT_REACHED, NAME_TAKEN
 */
export async function assertMayRelaxExpiry(
  c: CallerTransaction,
  before: EndingPolicies,
  after: EndingPolicies,
): Promise<void> {
  const names = relaxed(before, after)
  if (names.length === 0) return
  const path = names.length === 1 ? names : []
  const keys = await findLongerLived(c, before)
  const untilTheirEnd = keys.map((key) => ({
    ...key,
    terms: { ...key.record, expiresAt: key.record.effectiveExpiresAt },
  }))
  assertGrantable(c, untilTheirEnd, path)
  const back = untilTheirEnd.filter(({ comesBack }) => comesBack)
  await assertGrantableToReceivers(c, back, path)
  await assertWithinKeyLimit(c, back, path)
  for (const { record } of back) if (record.nameKey === null) await takeNameAgain(c, record, path)
}

type Path = readonly string[]

/** A key, and what it is until its new end. */
type LongerTerms = LongerLived & { readonly terms: KeySettings }

function assertGrantable(c: CallerTransaction, keys: readonly LongerTerms[], path: Path): void {
  const beyond = new Map<UserErrorCode, LongerLived[]>()
  for (const key of keys) {
    const codes = new Set(delegationErrors(c.caller, key.terms).map(({ code }) => code))
    for (const code of codes) beyond.set(code, [...(beyond.get(code) ?? []), key])
  }
  const problems = new ValidationErrors()
  for (const [code, those] of beyond)
    problems.add(
      code,
      path,
      `API keys would live longer than you may grant${formatKeyList(c.caller, those)}`,
    )
  problems.throwIfAny()
}

async function assertGrantableToReceivers(
  c: CallerTransaction,
  keys: readonly LongerTerms[],
  path: Path,
): Promise<void> {
  const beyond = await findBeyondReceivers(c, keys)
  if (beyond.size > 0)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      ['input', ...path],
      beyondReceivers(
        c.caller,
        keys.filter(({ id }) => beyond.has(id)),
      ),
    )
}

async function assertWithinKeyLimit(
  { db, deps, workspace }: CallerTransaction,
  back: readonly LongerLived[],
  path: Path,
): Promise<void> {
  const { keyLimit } = limitsOf(deps.limits.plans, workspace)
  const counted = back.filter(({ record }) => !record.userLevel)
  if (keyLimit === null || counted.length === 0) return
  if ((await countLiveKeys(db, workspace.id)) > keyLimit)
    throw userError('LIMIT_REACHED', ['input', ...path], 'The plan allows no more live keys.')
}

/** Somebody may have taken it while the key was dead, and lost it since. */
async function takeNameAgain(
  c: CallerTransaction,
  { id, ownerId, name }: KeyRecord,
  path: Path,
): Promise<void> {
  if ((await freeKeyName(c, ownerId, name, id)) !== undefined)
    throw userError(
      'NAME_TAKEN',
      ['input', ...path],
      'An API key that would come back to life has a name that another one has now.',
    )
  await c.db.apiKey.update({
    where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
    data: { nameKey: nameKey(name) },
  })
}
