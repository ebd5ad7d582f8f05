import { effectiveExpiry, type Queryable } from '../../auth/key-record.ts'
import type { Deps } from '../../deps.ts'
import { Prisma } from '../../generated/prisma/client.ts'
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
/** Notices of one transaction: the workspace is locked meanwhile. */
const batchSize = 500

/**
 * The keys `k` of the workspace, with their ends and the most urgent notice whose time has come. One that
 * would have come before the key itself is none. A revoked key has had its news, and a disabled one has
 * nobody who would miss it.
 */
const keysWithNotices = (workspaceId: string): Prisma.Sql => Prisma.sql`
  "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
  CROSS JOIN LATERAL (SELECT (${effectiveExpiry})::timestamptz(3) AS at OFFSET 0) ends
  CROSS JOIN LATERAL (
    SELECT min(days) FILTER (WHERE notice.at <= now()) AS days,
           min(notice.at) FILTER (WHERE notice.at > now()) AS "nextAt"
      FROM (SELECT days, ends.at - make_interval(hours => 24 * days) AS at
              FROM unnest(${noticeDays}::int[]) AS day (days)) AS notice
     WHERE notice.at > k."createdAt") due
  LEFT JOIN "ApiKeyExpiryNotice" n
    ON n."workspaceId" = k."workspaceId" AND n."keyId" = k.id AND n."expiresAt" = ends.at
 WHERE k."workspaceId" = ${workspaceId} AND k."revokedAt" IS NULL AND k."disabledAt" IS NULL
   AND ends.at IS NOT NULL`

const isDue = Prisma.sql`coalesce(due.days < coalesce(n."daysBefore", 1000), FALSE)`

interface Notice {
  readonly keyId: string
  readonly name: string
  readonly expiresAt: Date
  readonly daysBefore: number
}

const findDue = (db: Queryable, workspaceId: string): Promise<Notice[]> => db.$queryRaw<Notice[]>`
  SELECT k.id AS "keyId", k.name, ends.at AS "expiresAt", due.days AS "daysBefore"
    FROM ${keysWithNotices(workspaceId)} AND ${isDue} ORDER BY ends.at, k.id LIMIT ${batchSize}`

/** Gives notice of what is due. Under the lock, and noted with the events: no other server does it as well. */
async function giveNotice(c: WorkspaceTransaction): Promise<void> {
  const { db, workspace } = c
  const notices = await findDue(db, workspace.id)
  await db.$executeRaw`
    INSERT INTO "ApiKeyExpiryNotice" ("workspaceId", "keyId", "expiresAt", "daysBefore")
    SELECT ${workspace.id}, given.* FROM unnest(${notices.map(({ keyId }) => keyId)}::text[],
      ${notices.map(({ expiresAt }) => expiresAt.toISOString())}::timestamptz[],
      ${notices.map(({ daysBefore }) => daysBefore)}::int[]) AS given
    ON CONFLICT ("workspaceId", "keyId", "expiresAt") DO UPDATE SET "daysBefore" = excluded."daysBefore"`
  for (const { keyId, name, expiresAt, daysBefore } of notices)
    c.record({
      action: daysBefore === 0 ? 'api_key.expired' : 'api_key.expires_soon',
      targetId: keyId,
      targetName: name,
      changes: [{ field: 'effectiveExpiresAt', before: expiresAt, after: expiresAt }],
    })
  // There may be more of them.
  await db.$executeRaw`UPDATE "Workspace" SET "expiryCheckAt" = now() WHERE id = ${workspace.id}`
}

/** What a look at a workspace finds, as of one of its epochs: whatever moves an end raises it. */
interface Look {
  readonly epoch: bigint
  readonly anyDue: boolean | null
  readonly nextAt: Date | null
}

async function checkWorkspace(deps: Deps, workspaceId: string): Promise<void> {
  const [look] = await deps.prisma.$queryRaw<Look[]>`
    SELECT its.epoch, found.* FROM "Workspace" its CROSS JOIN LATERAL (
      SELECT bool_or(${isDue}) AS "anyDue", min(due."nextAt") AS "nextAt"
        FROM ${keysWithNotices(workspaceId)}) AS found
     WHERE its.id = ${workspaceId}`
  if (look === undefined) return
  if (look.anyDue) await asOperator(deps, workspaceId, giveNotice, { keepsAuthorization: true })
  else
    await deps.prisma.$executeRaw`
      UPDATE "Workspace" SET "expiryCheckAt" = least(${look.nextAt?.toISOString()}::timestamptz,
                                                     now() + make_interval(hours => ${maxHours}))
       WHERE id IN (SELECT id FROM "Workspace" WHERE id = ${workspaceId} AND epoch = ${look.epoch}
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
      await checkWorkspace(deps, workspaceId).catch((err: unknown) =>
        deps.logger.warn({ err, workspaceId }, 'expiring keys were not looked at yet'),
      )
    }
    if (due.length === 0) return
  }
}

/** Gives notice of ends for as long as it is open. */
export function watchKeyExpiry(deps: Deps): { close(): void } {
  const closing = new AbortController()
  let isLooking = false
  const look = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    await giveDueNotices(deps, closing.signal).catch((err: unknown) =>
      deps.logger.warn({ err }, 'expiring keys were not looked for'),
    )
    isLooking = false
  }
  const timer = setInterval(look, lookEveryMs).unref()
  return {
    close: () => {
      closing.abort()
      clearInterval(timer)
    },
  }
}
