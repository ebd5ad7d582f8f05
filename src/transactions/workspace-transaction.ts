import type { Caller } from '../auth/caller.ts'
import type { PermissionName } from '../auth/permissions.ts'
import { holds, type UsedRights } from '../auth/policy.ts'
import { reloadCaller } from '../auth/reload-caller.ts'
import { insertOf, type Row, runAtOnce } from '../db/insert-rows.ts'
import type { Deps } from '../deps.ts'
import { forbidden, RequestError, serviceUnavailable, unauthenticated } from '../errors.ts'
import { Prisma, type Workspace } from '../generated/prisma/client.ts'
import type { Notification } from '../replication/replica.ts'
import type { OperatorContext, ServiceContext } from '../service-context.ts'
import type { Actor, ChangeEvent } from './audit-event.ts'
import { isHeadDue, logHeads } from './audit-heads.ts'
import { chainedEvents } from './audit-rows.ts'
import { deliveriesOf } from './webhook-outbox.ts'
import { nestedWaitMs, withMutexes } from './workspace-mutex.ts'

/** The workspace's row under its lock, with the database's clock. */
type LockedWorkspace = Workspace & { readonly now: Date }

/** A transaction that holds its workspace's lock: no other change of it runs meanwhile. */
export interface WorkspaceTransaction {
  readonly db: Prisma.TransactionClient
  readonly deps: Deps
  readonly workspace: LockedWorkspace
  /** The database's clock as the lock was taken: the time of everything in the transaction. */
  readonly now: Date
  /** Puts an event into the audit chain; it is written with the change or not at all. */
  record(event: ChangeEvent): void
  /**
   * Inserts rows, all of which have the columns of the first, together with the events: nothing that
   * runs before finds them or may refer to them.
   */
  insert<Table extends Prisma.ModelName>(table: Table, rows: readonly Row<Table>[]): void
}

/** A change on behalf of a caller, as they stand under the lock. */
export interface CallerTransaction extends WorkspaceTransaction {
  readonly caller: Caller
}

/** A change on behalf of a caller, or of the operator, who may do everything: null. */
export interface ActorTransaction extends WorkspaceTransaction {
  readonly caller: Caller | null
}

/** A transaction that waits longer than this for its turn, or runs longer, fails (milliseconds). */
const patience = { maxWait: 10_000, timeout: 20_000 }

/**
 * Locks workspaces in the order of their ids, as every transaction does: no two wait for each other.
 * The clock is the same for all of them, read once the last lock was taken. Who locks several waits
 * briefly only, for any lock: what it has is kept from other tenants meanwhile.
 */
async function lockWorkspaces(
  db: Prisma.TransactionClient,
  ids: readonly string[],
): Promise<LockedWorkspace[]> {
  const isOne = ids.length === 1
  if (!isOne) await db.$executeRaw`SELECT set_config('lock_timeout', ${String(nestedWaitMs)}, TRUE)`
  const locking = db.$queryRaw<LockedWorkspace[]>`
    WITH locked AS MATERIALIZED (
      SELECT * FROM "Workspace" WHERE id = ANY(${ids}::text[]) ORDER BY id COLLATE "C" FOR UPDATE)
    SELECT locked.*, clock_timestamp()::timestamptz(3) AS now FROM locked`
  const rows = await locking.catch((cause: unknown) => {
    throw isOne ? cause : serviceUnavailable(cause)
  })
  const now = new Date(Math.max(...rows.map((row) => row.now.getTime())))
  return rows.map((row) => ({ ...row, now }))
}

/** The result of a transaction, and its actor. */
interface Outcome<T> {
  readonly value: T
  /** The actor as one of the workspaces shows them. */
  actorIn(change: WorkspaceTransaction): Actor | Promise<Actor>
}

/** What is done in a workspace, and in the others whose locks the transaction holds. */
export type Work<C extends WorkspaceTransaction, T> = (
  change: C,
  others: readonly WorkspaceTransaction[],
) => Promise<T>

interface RunOptions {
  readonly keepsAuthorization?: boolean
  /** Other workspaces that the same transaction changes. */
  readonly others?: readonly string[]
  /** Runs first in the same transaction: it may make the workspace. */
  readonly prepare?: (db: Prisma.TransactionClient) => Promise<void>
}

interface Draft extends WorkspaceTransaction {
  readonly events: readonly ChangeEvent[]
}

/** A transaction that adds to `changes` what is done at its end. */
function draftOf(
  db: Prisma.TransactionClient,
  deps: Deps,
  workspace: LockedWorkspace,
  changes: Prisma.Sql[],
): Draft {
  const events: ChangeEvent[] = []
  const record: Draft['record'] = (event) => void events.push(event)
  const insert: Draft['insert'] = (table, rows) =>
    void (rows.length > 0 && changes.push(insertOf(table, rows)))
  return { db, deps, workspace, now: workspace.now, record, insert, events }
}

/**
 * Runs `work` under the workspaces' locks and commits it together with their audit events, or not at
 * all. What can wait is one statement at the end: each is a round trip under the locks. Raises the
 * epoch where an event is recorded, unless `keepsAuthorization` says that no authorization can change.
 */
async function runTransaction<T>(
  deps: Deps,
  workspaceId: string,
  work: Work<WorkspaceTransaction, Outcome<T>>,
  { keepsAuthorization = false, others = [], prepare }: RunOptions,
): Promise<T> {
  const ids = [...new Set([workspaceId, ...others])].sort()
  const raised = new Map<string, bigint>()
  const headsDue: string[] = []
  const run = async (db: Prisma.TransactionClient, notification: Notification): Promise<T> => {
    await prepare?.(db)
    const changes: Prisma.Sql[] = []
    const drafts = (await lockWorkspaces(db, ids)).map((row) => draftOf(db, deps, row, changes))
    const [own] = drafts.filter(({ workspace }) => workspace.id === workspaceId)
    if (own === undefined || drafts.length < ids.length)
      throw new RequestError('WORKSPACE_NOT_FOUND', 'No such workspace.')
    const { value, actorIn } = await work(
      own,
      drafts.filter((draft) => draft !== own),
    )
    for (const draft of drafts) {
      if (draft.events.length === 0) continue
      if (isHeadDue(draft.workspace, draft.events.length)) headsDue.push(draft.workspace.id)
      const epoch = draft.workspace.epoch + (keepsAuthorization ? 0n : 1n)
      if (!keepsAuthorization) raised.set(draft.workspace.id, epoch)
      changes.push(...appended(draft, await actorIn(draft), epoch))
    }
    await runAtOnce(db, changes, keepsAuthorization ? undefined : notification())
    return value
  }
  return await deps.replica.waitForReplicas(async (notification) => {
    const transaction = () => deps.prisma.$transaction((db) => run(db, notification), patience)
    try {
      const value = await withMutexes(deps.prisma, ids, transaction)
      await logHeads(deps, headsDue)
      return value
    } finally {
      // Also when it failed: a commit whose answer was lost may have been done.
      for (const [id, epoch] of raised) deps.credentials.raised(id, epoch)
    }
  })
}

/** Many changes within so many milliseconds have the ends of the workspace's keys looked at once. */
const expiryCheckAfterMs = 60_000

/** The events' rows, their webhook deliveries, and the workspace with the end of its chain. */
function appended({ deps, workspace, events }: Draft, actor: Actor, epoch: bigint): Prisma.Sql[] {
  const rows = chainedEvents(deps.auditKey, workspace, actor, events)
  const head = rows.at(-1)
  // Whatever changes an authorization may change the end of a key.
  const checkAt = new Date(workspace.now.getTime() + expiryCheckAfterMs).toISOString()
  const check =
    epoch > workspace.epoch
      ? Prisma.sql`, "expiryCheckAt" = least("expiryCheckAt", ${checkAt}::timestamptz)`
      : Prisma.empty
  const moved = Prisma.sql`UPDATE "Workspace" SET epoch = ${epoch},
    "auditSequence" = ${head?.sequence}, "auditHash" = ${head?.hash}${check} WHERE id = ${workspace.id}`
  return [insertOf('AuditEvent', rows), ...deliveriesOf(workspace.id, rows), moved]
}

/** The name that one of the workspaces shows a member by, past ones included. */
async function nameIn({ db, workspace }: WorkspaceTransaction, userId: string): Promise<string> {
  const key = { workspaceId_userId: { workspaceId: workspace.id, userId } }
  return (await db.member.findUniqueOrThrow({ where: key })).name
}

/** What is checked of the caller once more under the lock. */
export interface CallerTransactionOptions extends Pick<RunOptions, 'others'> {
  /** The permission that the mutation asks of the caller as they stand now; null: none. */
  readonly permission: PermissionName | ((caller: Caller) => PermissionName | null)
  /** For a change that no credential's rights depend on: the epoch stays. */
  readonly keepsAuthorization?: boolean
  /** For the one change that a token may ask for once another has replaced it. */
  readonly acceptsRotated?: boolean
}

/**
 * Changes the caller's workspace, and other ones of the same user's, in one transaction under their
 * locks. A caller who was demoted, revoked, disabled or removed since the request was authenticated
 * is refused. `permission` and `caller` are of the caller's own workspace: what may be done in the
 * others is for `work` to see to. What is asked of their rights, and held, counts as used once it is
 * committed.
 *
 * @throws RequestError UNAUTHENTICATED or FORBIDDEN when the caller may not, or no longer, do it
 */
export async function inWorkspaceTransaction<T>(
  context: ServiceContext,
  { permission, acceptsRotated = false, ...options }: CallerTransactionOptions,
  work: Work<CallerTransaction, T>,
): Promise<T> {
  const { deps, address, requestId } = context
  const { workspaceId } = context.caller
  const used: UsedRights = { permissions: new Set(), ids: new Set() }
  const asCaller: Work<WorkspaceTransaction, Outcome<T>> = async (locked, others) => {
    const reloaded = await reloadCaller(locked, context.caller, address)
    const caller = { ...reloaded, rights: { ...reloaded.rights, used } }
    if (!acceptsRotated && caller.kind === 'ACCESS_TOKEN' && caller.isRotated)
      throw unauthenticated('ROTATED')
    const asked = typeof permission === 'function' ? permission(caller) : permission
    if (asked !== null && !holds(caller.rights, asked)) throw forbidden([asked], [asked])
    const { kind, user, key } = caller
    const actorIn = async (there: WorkspaceTransaction): Promise<Actor> => ({
      kind,
      id: user.id,
      name: there.workspace.id === workspaceId ? user.name : await nameIn(there, user.id),
      apiKeyId: key?.id ?? null,
      accessTokenId: caller.kind === 'ACCESS_TOKEN' ? caller.tokenId : null,
      address,
      requestId,
    })
    return { value: await work({ ...locked, caller }, others), actorIn }
  }
  const value = await runTransaction(deps, workspaceId, asCaller, options)
  deps.usage.usedRights(context.caller, used.permissions, used.ids)
  return value
}

const operator: Actor = {
  kind: null,
  id: null,
  name: 'operator',
  apiKeyId: null,
  accessTokenId: null,
  address: undefined,
  requestId: undefined,
}

/** Changes workspaces on behalf of the operator of the server. */
export const asOperator = <T>(
  deps: Deps,
  workspaceId: string,
  work: Work<WorkspaceTransaction, T>,
  options: RunOptions = {},
): Promise<T> => {
  const withActor: Work<WorkspaceTransaction, Outcome<T>> = async (locked, others) => ({
    value: await work(locked, others),
    actorIn: () => operator,
  })
  return runTransaction(deps, workspaceId, withActor, options)
}

/** Changes a workspace, and the other ones of `options`, for a service that the operator may call as well. */
export const inTransactionOf = <T>(
  context: ServiceContext | OperatorContext,
  options: CallerTransactionOptions,
  work: Work<ActorTransaction, T>,
): Promise<T> =>
  context.caller === null
    ? asOperator(
        context.deps,
        context.workspaceId,
        (c, others) => work({ ...c, caller: null }, others),
        options,
      )
    : inWorkspaceTransaction(context, options, work)

/** A user who joins a workspace, with their name in the audit. */
export interface JoiningMember {
  readonly userId: string
  readonly name: string
}

/**
 * Changes a workspace on behalf of a person who joins it in this transaction, and other workspaces of
 * theirs. `work` returns the person; undefined: nobody joined, and nothing was recorded.
 */
export const asNewMember = <T extends JoiningMember | undefined>(
  { deps, address, requestId }: Omit<ServiceContext, 'caller'>,
  workspaceId: string,
  work: Work<WorkspaceTransaction, T>,
  options: Pick<RunOptions, 'prepare' | 'others'> = {},
): Promise<T> => {
  const asArrival: Work<WorkspaceTransaction, Outcome<T>> = async (locked, others) => {
    const value = await work(locked, others)
    const { userId = null, name = '' } = value ?? {}
    const actor = { ...operator, kind: 'HUMAN', id: userId, address, requestId } as const
    const actorIn = async (there: WorkspaceTransaction): Promise<Actor> => ({
      ...actor,
      name: there === locked || userId === null ? name : await nameIn(there, userId),
    })
    return { value, actorIn }
  }
  return runTransaction(deps, workspaceId, asArrival, options)
}
