import { findKeyRecords, type KeyRecord, type Queryable } from '../../auth/key-record.ts'
import { UserInputError, userError } from '../../errors.ts'
import type { OperatorContext } from '../../service-context.ts'
import { inTransactionOf } from '../../transactions/workspace-transaction.ts'
import { findKeyForUpdate } from './find-key-for-update.ts'
import { listKeys } from './list.ts'
import { planTrim, type TrimPlan } from './plan-trim.ts'
import { findRecentGrants, type RecentGrants } from './recent-grants.ts'
import { changeKey } from './update.ts'
import { findUsedNames } from './used-rights.ts'

/** A key with what can be taken from it, or was. */
export interface TrimmedKey {
  readonly apiKey: Pick<KeyRecord, 'id' | 'name' | 'updatedAt'>
  readonly plan: TrimPlan
  /** Whether it was taken. */
  readonly isTrimmed: boolean
  /** Why it could not be taken; null: nothing was in the way. */
  readonly error: string | null
}

interface Period {
  readonly days: number
  readonly since: Date
  readonly recent: RecentGrants
}

const none: ReadonlySet<string> = new Set()

async function plansOf(
  db: Queryable,
  workspaceId: string,
  records: readonly KeyRecord[],
  { days, since, recent }: Period,
): Promise<TrimmedKey[]> {
  const ids = records.map(({ id }) => id)
  const permissions = await findUsedNames(db, workspaceId, 'permissions', ids, days)
  const spaces = await findUsedNames(db, workspaceId, 'spaces', ids, days)
  return records.map((key) => ({
    apiKey: key,
    plan: planTrim(key, {
      permissions: permissions.get(key.id),
      spaceIds: spaces.get(key.id) ?? none,
      recent: recent.get(key.id) ?? none,
      since,
    }),
    isTrimmed: false,
    error: null,
  }))
}

/** Takes it from one key, by what it used until now and as it is under the lock. */
async function trimKey(
  context: OperatorContext,
  planned: TrimmedKey,
  period: Period,
): Promise<TrimmedKey> {
  await context.deps.usage.flush()
  const { id, updatedAt } = planned.apiKey
  const trimming = inTransactionOf(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, id)
    // It may have been given something since then.
    if (key.updatedAt.getTime() !== updatedAt.getTime())
      throw userError('CONFLICT', ['input', 'id'], 'The key was changed meanwhile; trim it again.')
    const [present = planned] = await plansOf(c.db, c.workspace.id, [key], period)
    await changeKey(c, key, { id, ...present.plan.change })
    return { ...present, isTrimmed: Object.keys(present.plan.change).length > 0 }
  })
  return await trimming.catch((error: unknown) => {
    if (error instanceof UserInputError) return { ...planned, error: error.message }
    throw error
  })
}

const keysAtOnce = 100
const millisecondsPerDay = 86_400_000

/**
 * Finds what the live keys of a workspace hold and did not use within so many days, newest key first,
 * and takes it from them where asked to: from each in a transaction of its own.
 */
export async function trimKeys(
  context: OperatorContext,
  { days, apply }: { readonly days: number; readonly apply: boolean },
): Promise<TrimmedKey[]> {
  const { deps, workspaceId } = context
  await deps.usage.flush()
  const keys = await listKeys(deps, workspaceId, {})
  const live = keys.filter(
    ({ state }) => state?.status === 'ACTIVE' || state?.status === 'DISABLED',
  )
  const since = new Date(deps.credentials.now().getTime() - days * millisecondsPerDay)
  const period = { days, since, recent: await findRecentGrants(deps.prisma, workspaceId, since) }
  const trimmed: TrimmedKey[] = []
  for (let from = 0; from < live.length; from += keysAtOnce) {
    const ids = live.slice(from, from + keysAtOnce).map(({ id }) => id)
    const byId = new Map(
      (await findKeyRecords(deps.prisma, workspaceId, ids)).map((key) => [key.id, key]),
    )
    const records = ids.flatMap((id) => byId.get(id) ?? [])
    for (const planned of await plansOf(deps.prisma, workspaceId, records, period)) {
      const isToTrim = apply && Object.keys(planned.plan.change).length > 0
      trimmed.push(isToTrim ? await trimKey(context, planned, period) : planned)
    }
  }
  return trimmed
}
