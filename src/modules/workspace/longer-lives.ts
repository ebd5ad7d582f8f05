import { grantProblems } from '../../auth/grant.ts'
import { effectiveExpiry, findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import type { CallerChange } from '../../db/change.ts'
import { type UserErrorCode, userError } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { InputProblems } from '../../input/problems.ts'
import { nameKey } from '../../input/text.ts'
import { limitsOf } from '../../limits/plans.ts'
import { visibleKeys } from '../api-key/api-key.queries.ts'
import { takeKeyName } from '../api-key/key-name.ts'
import { countLiveKeys } from '../api-key/live-keys.ts'
import { toldKeys } from '../api-key/told-keys.ts'

interface LongerLife {
  readonly id: string
  readonly isVisible: boolean
  /** Whether it was dead until the policy changed. */
  readonly comesBack: boolean
}

type LongerLived = LongerLife & { readonly record: KeyRecord }

const path = ['maxKeyLifetimeDays']

/** The keys that live longer by the workspace's policy as it is stored now than they did before. */
async function findLongerLived(c: CallerChange, daysBefore: number): Promise<LongerLived[]> {
  const endBefore = Prisma.sql`least(k."expiresAt",
    k."createdAt" + make_interval(hours => 24 * ${daysBefore}::int))`
  const rows = await c.db.$queryRaw<LongerLife[]>`
    SELECT k.id, (${visibleKeys(c.caller)}) AS "isVisible",
           (${endBefore} <= clock_timestamp()) AS "comesBack"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${c.workspace.id} AND k."revokedAt" IS NULL
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
 * Whether the caller may have relaxed the lifetime policy: every key that lives longer by it must be
 * one that they could grant until its new end. Keys that come back to life count for the plan's
 * limit, and take their names again. To be asked once the new policy is stored.
 *
 * @throws UserInputError at input.maxKeyLifetimeDays: PERMISSION_NOT_GRANTABLE, SPACE_NOT_GRANTABLE,
 *   EXPIRY_NOT_ALLOWED or INVALID for keys beyond the caller, LIMIT_REACHED, NAME_TAKEN
 */
export async function assertMayLiveLonger(c: CallerChange, daysBefore: number): Promise<void> {
  const keys = await findLongerLived(c, daysBefore)
  assertGrantableUntilTheirEnd(c, keys)
  const back = keys.filter(({ comesBack }) => comesBack)
  await assertWithinKeyLimit(c, back)
  for (const { record } of back) if (record.nameKey === null) await takeNameAgain(c, record)
}

function assertGrantableUntilTheirEnd(c: CallerChange, keys: readonly LongerLived[]): void {
  const beyond = new Map<UserErrorCode, LongerLived[]>()
  for (const key of keys) {
    const terms = { ...key.record, expiresAt: key.record.effectiveExpiresAt }
    const codes = new Set(grantProblems(c.caller, terms).map(({ code }) => code))
    for (const code of codes) beyond.set(code, [...(beyond.get(code) ?? []), key])
  }
  const problems = new InputProblems()
  for (const [code, those] of beyond)
    problems.add(
      code,
      path,
      `API keys would live longer than you may grant: ${toldKeys(c.caller, those)}.`,
    )
  problems.throwIfAny()
}

async function assertWithinKeyLimit(
  { db, deps, workspace }: CallerChange,
  back: readonly LongerLived[],
): Promise<void> {
  const { keyLimit } = limitsOf(deps.limits.plans, workspace)
  if (keyLimit === null || back.length === 0) return
  if ((await countLiveKeys(db, workspace.id)) > keyLimit)
    throw userError(
      'LIMIT_REACHED',
      ['input', ...path],
      `The plan allows ${keyLimit} live keys; ${back.length} would come back to life.`,
    )
}

/** Somebody may have taken it while the key was dead, and lost it since. */
async function takeNameAgain(c: CallerChange, { id, ownerId, name }: KeyRecord): Promise<void> {
  await takeKeyName(c, ownerId, name, id, ['input', ...path])
  await c.db.apiKey.update({
    where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
    data: { nameKey: nameKey(name) },
  })
}
