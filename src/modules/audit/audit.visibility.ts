import type { Caller } from '../../auth/caller.ts'
import type { PageRequest } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import type { AuditAction } from '../../transactions/audit-actions.ts'

/** The events that the caller sees, who may read the log at all: all of the workspace's. */
export const visibleEvents = ({ workspaceId }: Caller): Prisma.AuditEventWhereInput => ({
  workspaceId,
})

/** From the one instant on, and before the other one; undefined: whenever. */
export interface Period {
  readonly since?: Date | undefined
  readonly until?: Date | undefined
}

/** What a list of events is narrowed by; actions and instants already read. */
export interface AuditEventFilter extends Period {
  readonly actions?: readonly AuditAction[] | undefined
  readonly actorId?: string | null | undefined
  readonly apiKeyId?: string | null | undefined
  readonly targetId?: string | null | undefined
}

/** The range of numbers that the database has. */
export const lowest = -(2n ** 63n)
const highest = 2n ** 63n - 1n

/** By how much the database's clock may have been set back between two events, in milliseconds. */
const clockStepMs = 3_600_000

const moved = (instant: Date, ms: number): Date => new Date(instant.getTime() + ms)

/**
 * The events of a period, as a condition on `e`. They are numbered in the order of time, but for steps
 * of the clock: what is numbered before one of an hour earlier, or after one of an hour later, is not
 * of the period. An index finds those two, and no event beyond them is read.
 */
export function eventsWithin(workspaceId: string, { since, until }: Period): Prisma.Sql {
  const its = Prisma.sql`SELECT sequence FROM "AuditEvent" WHERE "workspaceId" = ${workspaceId}`
  const conditions = [Prisma.sql`e."workspaceId" = ${workspaceId}`]
  if (since)
    conditions.push(Prisma.sql`e.at >= ${since} AND e.sequence > coalesce((
      ${its} AND at < ${moved(since, -clockStepMs)} ORDER BY at DESC, sequence DESC LIMIT 1),
      ${lowest})`)
  if (until)
    conditions.push(Prisma.sql`e.at < ${until} AND e.sequence < coalesce((
      ${its} AND at >= ${moved(until, clockStepMs)} ORDER BY at, sequence LIMIT 1), ${highest})`)
  return Prisma.join(conditions, ' AND ')
}

/**
 * The numbers of a page of events and one more, the newest first. Of each action an index gives as many
 * as the page has, however rare it is.
 */
export function pageOfEvents(
  { workspaceId }: Caller,
  { limit, after }: PageRequest<bigint>,
  { actions, actorId, apiKeyId, targetId, ...period }: AuditEventFilter,
): Prisma.Sql {
  const conditions = [eventsWithin(workspaceId, period)]
  const ofId = (column: string, id: string | null | undefined): void => {
    if (typeof id !== 'string') return
    const isIt = Prisma.sql`e.${Prisma.raw(`"${column}"`)} = ${id}`
    conditions.push(isId(id) ? isIt : Prisma.sql`FALSE`)
  }
  ofId('actorId', actorId)
  ofId('apiKeyId', apiKeyId)
  ofId('targetId', targetId)
  if (after !== null) conditions.push(Prisma.sql`e.sequence < ${after}`)
  const newest = (all: readonly Prisma.Sql[]): Prisma.Sql => Prisma.sql`
    SELECT e.sequence FROM "AuditEvent" e WHERE ${Prisma.join([...all], ' AND ')}
     ORDER BY e.sequence DESC LIMIT ${limit + 1}`
  if (actions === undefined) return newest(conditions)
  return Prisma.sql`
    SELECT its.sequence FROM unnest(${[...new Set(actions)]}::text[]) AS asked (action)
     CROSS JOIN LATERAL (${newest([...conditions, Prisma.sql`e.action = asked.action`])}) AS its
     ORDER BY its.sequence DESC LIMIT ${limit + 1}`
}
