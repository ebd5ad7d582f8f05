import type { Caller } from '../auth/caller.ts'
import type { PermissionName } from '../auth/permissions.ts'
import { holds } from '../auth/policy.ts'
import { presentCaller } from '../auth/present-caller.ts'
import type { Deps } from '../deps.ts'
import { forbidden, RequestError, unauthenticated } from '../errors.ts'
import type { Prisma, Workspace } from '../generated/prisma/client.ts'
import { newId } from '../ids.ts'
import { eventHash } from '../modules/audit/chain.ts'
import { type ChangeEvent, changesText } from '../modules/audit/event.ts'
import type { ServiceContext } from '../service-context.ts'
import { inTurn } from './turns.ts'

/** The workspace's row under its lock, with the database's clock. */
type LockedWorkspace = Workspace & { readonly now: Date }

/** Who did something, as the audit keeps it. */
interface Actor {
  readonly kind: Caller['kind'] | null
  readonly id: string | null
  readonly name: string
  readonly apiKeyId: string | null
  readonly accessTokenId: string | null
  readonly address: string | undefined
  readonly requestId: string | undefined
}

/** A transaction that holds its workspace's lock: no other change of it runs meanwhile. */
export interface Change {
  readonly db: Prisma.TransactionClient
  readonly deps: Deps
  readonly workspace: LockedWorkspace
  /** The database's clock as the lock was taken: the time of everything in the transaction. */
  readonly now: Date
  /** The epoch that the workspace has once this is committed. */
  readonly nextEpoch: bigint
  /** Puts an event into the audit chain; it is written with the change or not at all. */
  record(event: ChangeEvent): void
}

/** A change on behalf of a caller, as they stand under the lock. */
export interface CallerChange extends Change {
  readonly caller: Caller
}

/** A transaction that waits longer than this for its turn, or runs longer, fails (milliseconds). */
const patience = { maxWait: 10_000, timeout: 20_000 }

async function lockWorkspace(
  db: Prisma.TransactionClient,
  workspaceId: string,
): Promise<LockedWorkspace> {
  const [workspace] = await db.$queryRaw<LockedWorkspace[]>`
    WITH locked AS MATERIALIZED (
      SELECT * FROM "Workspace" WHERE id = ${workspaceId} FOR UPDATE)
    SELECT locked.*, clock_timestamp()::timestamptz(3) AS now FROM locked`
  if (workspace === undefined) throw new RequestError('WORKSPACE_NOT_FOUND', 'No such workspace.')
  return workspace
}

/** What a change came to, and by whom it was made. */
interface Outcome<T> {
  readonly value: T
  readonly actor: Actor
}

interface RunOptions {
  readonly keepsAuthorization?: boolean
  readonly prepare?: ((db: Prisma.TransactionClient) => Promise<void>) | undefined
}

/**
 * Runs `work` under the workspace's lock and commits it together with its audit events, or not at
 * all. What records an event raises the epoch, unless it is told that no authorization can change.
 */
async function runChange<T>(
  deps: Deps,
  workspaceId: string,
  work: (change: Change) => Promise<Outcome<T>>,
  { keepsAuthorization = false, prepare }: RunOptions,
): Promise<T> {
  let raisedTo: bigint | undefined
  try {
    return await inTurn(deps.prisma, workspaceId, () =>
      deps.prisma.$transaction(async (db) => {
        await prepare?.(db)
        const workspace = await lockWorkspace(db, workspaceId)
        const nextEpoch = workspace.epoch + 1n
        const events: ChangeEvent[] = []
        const record = (event: ChangeEvent): void => void events.push(event)
        const { now } = workspace
        const { value, actor } = await work({ db, deps, workspace, now, nextEpoch, record })
        if (events.length > 0) {
          if (!keepsAuthorization) raisedTo = nextEpoch
          await appendEvents(db, deps, workspace, actor, events, raisedTo ?? workspace.epoch)
        }
        return value
      }, patience),
    )
  } finally {
    // Also when it failed: a commit whose answer was lost may have been done.
    if (raisedTo !== undefined) deps.credentials.raised(workspaceId, raisedTo)
  }
}

async function appendEvents(
  db: Prisma.TransactionClient,
  deps: Deps,
  workspace: LockedWorkspace,
  actor: Actor,
  events: readonly ChangeEvent[],
  epoch: bigint,
): Promise<void> {
  let head = { sequence: workspace.auditSequence, hash: workspace.auditHash }
  const rows = events.map((event) => {
    const values = {
      workspaceId: workspace.id,
      sequence: head.sequence + 1,
      id: newId('evt'),
      at: workspace.now,
      action: event.action,
      actorKind: actor.kind,
      actorId: actor.id,
      actorName: actor.name,
      apiKeyId: actor.apiKeyId,
      accessTokenId: actor.accessTokenId,
      targetId: event.targetId,
      targetName: event.targetName,
      ip: actor.address ?? null,
      requestId: actor.requestId ?? null,
      changes: changesText(event.changes ?? []),
      previousHash: head.hash,
    }
    const hash = eventHash(deps.auditKey, values)
    head = { sequence: values.sequence, hash }
    return { ...values, hash }
  })
  await db.auditEvent.createMany({ data: rows })
  await db.workspace.update({
    where: { id: workspace.id },
    data: { epoch, auditSequence: head.sequence, auditHash: head.hash },
  })
}

/** What a change asks of its caller, once more under the lock. */
export interface ChangeOptions {
  /** The permission that the mutation asks of the caller as they stand now; null: none. */
  readonly permission: PermissionName | ((caller: Caller) => PermissionName | null)
  /** For a change that no credential's rights depend on: the epoch stays. */
  readonly keepsAuthorization?: boolean
  /** For the one change that a token may ask for once another has replaced it. */
  readonly acceptsRotated?: boolean
}

/**
 * Changes the caller's workspace in one transaction under its lock. A caller who was demoted,
 * revoked, disabled or removed since the request was authenticated is refused.
 *
 * @throws RequestError UNAUTHENTICATED or FORBIDDEN when the caller may not, or no longer, do it
 */
export function change<T>(
  context: ServiceContext,
  { permission, keepsAuthorization = false, acceptsRotated = false }: ChangeOptions,
  work: (change: CallerChange) => Promise<T>,
): Promise<T> {
  const { deps, address, requestId } = context
  const asCaller = async (locked: Change): Promise<Outcome<T>> => {
    const caller = await presentCaller(locked, context.caller, address)
    if (!acceptsRotated && caller.kind === 'ACCESS_TOKEN' && caller.isRotated)
      throw unauthenticated('ROTATED')
    const asked = typeof permission === 'function' ? permission(caller) : permission
    if (asked !== null && !holds(caller.rights, asked)) throw forbidden([asked], [asked])
    const actor: Actor = {
      kind: caller.kind,
      id: caller.user.id,
      name: caller.user.name,
      apiKeyId: caller.key?.id ?? null,
      accessTokenId: caller.kind === 'ACCESS_TOKEN' ? caller.tokenId : null,
      address,
      requestId,
    }
    return { value: await work({ ...locked, caller }), actor }
  }
  return runChange(deps, context.caller.workspaceId, asCaller, { keepsAuthorization })
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

/**
 * Changes a workspace on behalf of whoever runs the server: in the audit, the operator. `prepare`
 * runs first in the same transaction: it may make the workspace.
 */
export const operatorChange = <T>(
  deps: Deps,
  workspaceId: string,
  work: (change: Change) => Promise<T>,
  prepare?: (db: Prisma.TransactionClient) => Promise<void>,
): Promise<T> =>
  runChange(deps, workspaceId, async (locked) => ({ value: await work(locked), actor: operator }), {
    prepare,
  })

/** Who came into a workspace, and by what name the audit knows them. */
export interface Arrival {
  readonly userId: string
  readonly name: string
}

/**
 * Changes a workspace on behalf of a person who comes into it with this change. `work` tells who it
 * was; undefined: nobody, and nothing was recorded. `prepare` as for the operator.
 */
export const arrivalChange = <T extends Arrival | undefined>(
  { deps, address, requestId }: Omit<ServiceContext, 'caller'>,
  workspaceId: string,
  work: (change: Change) => Promise<T>,
  prepare?: (db: Prisma.TransactionClient) => Promise<void>,
): Promise<T> => {
  const asArrival = async (locked: Change): Promise<Outcome<T>> => {
    const value = await work(locked)
    const { userId = null, name = '' } = value ?? {}
    return { value, actor: { ...operator, kind: 'HUMAN', id: userId, name, address, requestId } }
  }
  return runChange(deps, workspaceId, asArrival, { prepare })
}
