import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { type NestedListing, parentId } from '../../db/nested-pages.ts'
import { Prisma, type Run } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { isHeldForSession, ofSessionHeld } from '../session/session.visibility.ts'

/** A run without what was said, which may be long. */
export type RunRow = Omit<Run, 'input' | 'output'>

/** The token by which the caller asks; null: by none. */
export const tokenIdOf = (caller: Caller): string | null =>
  caller.kind === 'ACCESS_TOKEN' ? caller.tokenId : null

/** The runs of these ids, before it is checked who sees them. */
export const runsOf = ({ workspaceId }: Caller, ids: readonly string[]) => ({
  workspaceId,
  id: { in: ids.filter(isId) },
})

/**
 * A run that was found, or null where the caller does not know of it: they neither see it nor did the
 * same credential begin it, for the same user and with an agent that they see. Another token of the
 * same key may read less than the one that asked, and a key may have been given to somebody else.
 */
export async function ifKnown(
  db: Queryable,
  caller: Caller,
  run: RunRow | null,
): Promise<RunRow | null> {
  const isBegun =
    run?.apiKeyId === caller.key?.id &&
    run?.accessTokenId === tokenIdOf(caller) &&
    run.createdById === caller.user.id
  return (
    (await ofSessionHeld(db, caller, 'sessions:read', run)) ??
    (isBegun ? await ofSessionHeld(db, caller, 'agents:read', run) : null)
  )
}

/** The visible runs of each session in turn: all of those of a visible one. */
export const runsOfSessions = (caller: Caller): NestedListing => ({
  from: Prisma.sql`"Run" r`,
  alias: Prisma.sql`r`,
  parents: Prisma.sql`EXISTS (SELECT 1 FROM "Session" s
    WHERE ${isHeldForSession(caller, 'sessions:read')} AND s.id = ${parentId})`,
  where: Prisma.sql`r."workspaceId" = ${caller.workspaceId}`,
  tie: Prisma.sql`r."sessionId" = ${parentId}`,
})

/** How many runs are in progress. */
export interface RunsInProgress {
  readonly inWorkspace: number
  /** Of the caller's user. */
  readonly ofUser: number
  readonly inSession: number
}

/** Counts the runs in progress of the caller's workspace, by an index of those alone. */
export async function runsInProgress(
  { db, workspace, caller }: CallerTransaction,
  sessionId: string,
): Promise<RunsInProgress> {
  const [counts] = await db.$queryRaw<RunsInProgress[]>`
    SELECT count(*)::int AS "inWorkspace",
           (count(*) FILTER (WHERE "createdById" = ${caller.user.id}))::int AS "ofUser",
           (count(*) FILTER (WHERE "sessionId" = ${sessionId}))::int AS "inSession"
      FROM "Run" WHERE "workspaceId" = ${workspace.id} AND "leaseExpiresAt" IS NOT NULL`
  if (counts === undefined) throw new Error('a count is a row')
  return counts
}
