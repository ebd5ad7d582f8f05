import type { Caller } from '../../auth/caller.ts'
import type { CallerChange } from '../../db/change.ts'
import { columnsWithout, type NestedListing, parentId } from '../../db/page.ts'
import { Prisma, type Run } from '../../generated/prisma/client.ts'
import { heldForSession, visibleSessions } from '../session/session.queries.ts'

/** A run without what was said, which may be long. */
export type RunRow = Omit<Run, 'input' | 'output'>

/** The listed table of runs, with their sessions. */
export const runs = {
  from: Prisma.sql`"Run" r
    JOIN "Session" s ON s."workspaceId" = r."workspaceId" AND s.id = r."sessionId"`,
  alias: Prisma.sql`r`,
  columns: columnsWithout('r', Prisma.RunScalarFieldEnum, ['input', 'output']),
}

/** The token by which the caller asks; null: by none. */
export const tokenIdOf = (caller: Caller): string | null =>
  caller.kind === 'ACCESS_TOKEN' ? caller.tokenId : null

/** The runs that the caller sees: those of the sessions that they see. */
export const visibleRuns = visibleSessions

/**
 * The runs that the caller knows of: those that they see, and those with agents that they see which
 * the same credential began for the same user. Another token of the same key may read less than the
 * one that asked, and a key may have been given to somebody else.
 */
export function knownRuns(caller: Caller): Prisma.Sql {
  const visible = visibleRuns(caller)
  if (caller.key === null) return visible
  return Prisma.sql`((${visible})
    OR (r."apiKeyId" = ${caller.key.id}
      AND r."accessTokenId" IS NOT DISTINCT FROM ${tokenIdOf(caller)}::text
      AND r."createdById" = ${caller.user.id} AND ${heldForSession(caller, 'agents:read')}))`
}

/** The visible runs of each session in turn: all of those of a visible one. */
export const runsOfSessions = (caller: Caller): NestedListing => ({
  ...runs,
  parents: Prisma.sql`EXISTS (
    SELECT 1 FROM "Session" s WHERE ${visibleSessions(caller)} AND s.id = ${parentId})`,
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
  { db, workspace, caller }: CallerChange,
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
