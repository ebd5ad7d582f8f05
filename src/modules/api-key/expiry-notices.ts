import { earliest, effectiveExpiry, type Queryable } from '../../auth/key-record.ts'
import type { Deps } from '../../deps.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { every } from '../../timeout.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** How many days before its end a key has a notice; 0: at its end. */
const noticeDays = [30, 7, 1, 0]

/** How often it is looked for ends that are due, in milliseconds. */
const lookEveryMs = 10_000
/** So long a workspace is left to the server that looks at it, and to one that fails, in milliseconds. */
const leaseMs = 60_000
/** Each workspace is looked at once in so many hours at least, whatever is due. */
const maxHours = 24
const workspacesAtOnce = 100
/** Keys of one statement: the embedded database answers nobody meanwhile. */
const keysAtOnce = 2_000
/** Notices of one transaction: the workspace is locked meanwhile. */
const batchSize = 500

/** An instant so many days before the end of a key. */
const before = (days: number): Prisma.Sql => Prisma.sql`k.at - make_interval(hours => 24 * ${days})`

/**
 * The most urgent notice of a key whose time has come, in days before its end. One whose time lies before
 * the key was made is none.
 */
const daysDue = Prisma.sql`CASE ${Prisma.join(
  noticeDays
    .toReversed()
    .map(
      (days) =>
        Prisma.sql`WHEN ${before(days)} <= now() AND ${before(days)} > k."createdAt" THEN ${days}::int`,
    ),
  ' ',
)} END`

/** When the next notice of a key comes. */
const nextAt = Prisma.sql`CASE ${Prisma.join(
  noticeDays.map((days) => Prisma.sql`WHEN ${before(days)} > now() THEN ${before(days)}`),
  ' ',
)} END`

/** The next keys `k` of a workspace, in the order of their ids. */
interface Place {
  readonly workspaceId: string
  /** The last id before them. */
  readonly after: string
}

/**
 * The keys of that place with their ends, and what was noticed of those. A revoked key has had its news,
 * and a disabled one has nobody who would miss it.
 */
const keysAt = ({ workspaceId, after }: Place): Prisma.Sql => Prisma.sql`(
    SELECT k.id, k.name, k."createdAt", (${effectiveExpiry})::timestamptz(3) AS at
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${workspaceId} AND k."revokedAt" IS NULL AND k."disabledAt" IS NULL
       AND k.id > ${after} ORDER BY k.id LIMIT ${keysAtOnce}) AS k
  LEFT JOIN "ApiKeyExpiryNotice" n
    ON n."workspaceId" = ${workspaceId} AND n."keyId" = k.id AND n."expiresAt" = k.at`

const isDue = Prisma.sql`coalesce(${daysDue} < coalesce(n."daysBefore", 1000), FALSE)`

interface Notice {
  readonly keyId: string
  readonly name: string
  readonly expiresAt: Date
  readonly daysBefore: number
}

const findDue = (db: Queryable, place: Place): Promise<Notice[]> => db.$queryRaw<Notice[]>`
  SELECT k.id AS "keyId", k.name, k.at AS "expiresAt", ${daysDue} AS "daysBefore"
    FROM ${keysAt(place)} WHERE ${isDue} ORDER BY k.at, k.id LIMIT ${batchSize}`

/** Gives notice of what is due. Under the lock, and noted with the events: no other server does it as well. */
async function giveNotice({ db, record }: WorkspaceTransaction, place: Place): Promise<void> {
  const notices = await findDue(db, place)
  await db.$executeRaw`
    INSERT INTO "ApiKeyExpiryNotice" ("workspaceId", "keyId", "expiresAt", "daysBefore")
    SELECT ${place.workspaceId}, given.* FROM unnest(${notices.map(({ keyId }) => keyId)}::text[],
      ${notices.map(({ expiresAt }) => expiresAt.toISOString())}::timestamptz[],
      ${notices.map(({ daysBefore }) => daysBefore)}::int[]) AS given
    ON CONFLICT ("workspaceId", "keyId", "expiresAt") DO UPDATE SET "daysBefore" = excluded."daysBefore"`
  for (const { keyId, name, expiresAt, daysBefore } of notices)
    record({
      action: daysBefore === 0 ? 'api_key.expired' : 'api_key.expires_soon',
      targetId: keyId,
      targetName: name,
      changes: [{ field: 'effectiveExpiresAt', before: expiresAt, after: expiresAt }],
    })
}

/** What a look at some keys finds, as of an epoch of their workspace: whatever moves an end raises it. */
interface Look {
  readonly epoch: bigint
  /** The last of them; null: there are no more. */
  readonly last: string | null
  readonly anyDue: boolean | null
  readonly nextAt: Date | null
}

const lookAt = async ({ prisma }: Deps, place: Place): Promise<Look | undefined> => {
  const [look] = await prisma.$queryRaw<Look[]>`
    SELECT its.epoch, found.* FROM "Workspace" its CROSS JOIN LATERAL (
      SELECT max(k.id) AS last, bool_or(${isDue}) AS "anyDue", min(${nextAt}) AS "nextAt"
        FROM ${keysAt(place)}) AS found
     WHERE its.id = ${place.workspaceId}`
  return look
}

/**
 * Gives notice of what is due in a workspace, and stores when it is to be looked at again. Where ends
 * may have moved meanwhile, that is soon: when the lease is over.
 */
async function checkWorkspace(
  deps: Deps,
  workspaceId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let place: Place = { workspaceId, after: '' }
  let next: Date | null = null
  const first = await lookAt(deps, place)
  for (let look = first; ; look = await lookAt(deps, place)) {
    if (look === undefined || signal?.aborted) return
    if (look.anyDue) {
      const give = (c: WorkspaceTransaction) => giveNotice(c, place)
      await asOperator(deps, workspaceId, give, { keepsAuthorization: true })
      continue
    }
    next = earliest(next, look.nextAt)
    if (look.last === null) break
    place = { workspaceId, after: look.last }
  }
  await deps.prisma.$executeRaw`
    UPDATE "Workspace" SET "expiryCheckAt" = least(${next?.toISOString()}::timestamptz,
                                                   now() + make_interval(hours => ${maxHours}))
     WHERE id IN (SELECT id FROM "Workspace" WHERE id = ${workspaceId} AND epoch = ${first?.epoch}
                     FOR NO KEY UPDATE SKIP LOCKED)`
}

/** Takes workspaces whose keys are to be looked at, for a while: no two servers have the same. */
const takeDue = ({ prisma }: Deps): Promise<{ readonly id: string }[]> =>
  prisma.$queryRaw<{ id: string }[]>`
    UPDATE "Workspace" SET "expiryCheckAt" = now() + ${leaseMs} * interval '1 ms'
     WHERE id IN (SELECT id FROM "Workspace" WHERE "expiryCheckAt" <= now()
                   ORDER BY "expiryCheckAt" LIMIT ${workspacesAtOnce} FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id`

/**
 * Records that keys end soon or have ended: 30, 7 and 1 days before and at their ends, once each for a key
 * and an end. Of several whose time has come since the last look, only the most urgent one is given.
 */
export async function giveDueNotices(deps: Deps, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const due = await takeDue(deps)
    for (const { id: workspaceId } of due) {
      if (signal?.aborted) return
      await checkWorkspace(deps, workspaceId, signal).catch((err: unknown) =>
        deps.logger.warn({ err, workspaceId }, 'expiring keys were not looked at yet'),
      )
    }
    if (due.length === 0) return
  }
}

/** Gives notice of ends for as long as it is open. */
export function watchKeyExpiry(deps: Deps): { close(): void } {
  const closing = new AbortController()
  const look = (): Promise<void> =>
    giveDueNotices(deps, closing.signal).catch((err: unknown) =>
      deps.logger.warn({ err }, 'expiring keys were not looked for'),
    )
  const stop = every(lookEveryMs, look)
  return {
    close: () => {
      closing.abort()
      stop()
    },
  }
}
