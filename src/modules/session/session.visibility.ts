import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { spacesWith } from '../../auth/policy.ts'
import { onlyOwnSessions } from '../../auth/roles.ts'
import { idsAmong, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { between, none } from '../../db/where.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { allAmong, areAllAmong, isAgentWithin } from '../agent/agent.visibility.ts'
import { spacesHeld } from '../space/space.visibility.ts'

export type SessionStatus = 'ACTIVE' | 'TERMINATED'

/** The sessions of the workspace that the caller's role reaches. */
export const sessionsByRole = ({ workspaceId, user }: Caller): Prisma.SessionWhereInput => ({
  workspaceId,
  ...(onlyOwnSessions(user.role) && { createdById: user.id }),
})

/**
 * The sessions that the caller sees: of those that their role reaches the ones for which they hold
 * sessions:read in every space that the agent has and in every one that it had when the session began,
 * deleted or not. Those of a deleted agent are there still.
 */
export function visibleSessions(caller: Caller): Prisma.SessionWhereInput {
  const held = spacesHeld(caller, 'sessions:read')
  if (held === 'all') return sessionsByRole(caller)
  const spaces = allAmong(held)
  // No index leads from a space to the sessions that began in it, but one from their agents.
  return { ...sessionsByRole(caller), agent: { spaces }, spaces: { ...spaces, some: {} } }
}

/** `sessionsByRole` in SQL, of a session `s`. */
const isByRole = ({ workspaceId, user }: Caller): Prisma.Sql =>
  onlyOwnSessions(user.role)
    ? Prisma.sql`s."workspaceId" = ${workspaceId} AND s."createdById" = ${user.id}`
    : Prisma.sql`s."workspaceId" = ${workspaceId}`

/** Whether the spaces of the agent as the session `s` began, one at least, are all among the ids. */
const hasBegunWithin = (ids: readonly string[]): Prisma.Sql =>
  areAllAmong(
    ids,
    Prisma.sql`"SessionSpace" x WHERE x."workspaceId" = s."workspaceId" AND x."sessionId" = s.id`,
  )

/** `visibleSessions` in SQL, of a session `s` and for any permission. */
export function isHeldForSession(caller: Caller, permission: PermissionName): Prisma.Sql {
  const ids = spacesWith(caller.rights, permission)
  if (ids === 'all') return isByRole(caller)
  const isWithin = isAgentWithin(ids, Prisma.sql`s."workspaceId"`, Prisma.sql`s."agentId"`)
  return Prisma.sql`${isByRole(caller)} AND ${isWithin} AND ${hasBegunWithin(ids)}`
}

const sessions = { from: Prisma.sql`"Session" s`, alias: Prisma.sql`s` }

/** The visible sessions of each agent in turn; an agent's spaces are looked at once for all of its sessions. */
export function sessionsOfAgents(caller: Caller): NestedListing {
  const ids = spacesWith(caller.rights, 'sessions:read')
  const listing = {
    ...sessions,
    where: isByRole(caller),
    tie: Prisma.sql`s."agentId" = ${parentId}`,
  }
  if (ids === 'all') return listing
  const parents = isAgentWithin(ids, Prisma.sql`${caller.workspaceId}`, parentId)
  return { ...listing, parents, where: Prisma.sql`${listing.where} AND ${hasBegunWithin(ids)}` }
}

/** Those of the ids for whose sessions the caller holds the permission. */
export async function sessionsHeld(
  db: Queryable,
  caller: Caller,
  permission: PermissionName,
  ids: readonly string[],
): Promise<string[]> {
  const where = isHeldForSession(caller, permission)
  const held = await idsAmong(db, { ...sessions, where }, ids)
  for (const id of held) caller.rights.used?.ids.add(id)
  return held
}

/**
 * Those of the runs or documents for whose sessions the caller holds the permission. It is asked where
 * there are none as well, so that what is hidden takes as long as what is not there.
 */
export async function ofSessionsHeld<Row extends { readonly sessionId: string }>(
  db: Queryable,
  caller: Caller,
  permission: PermissionName,
  rows: Row[],
): Promise<Row[]> {
  const ids = rows.map(({ sessionId }) => sessionId)
  const held = new Set(await sessionsHeld(db, caller, permission, ids))
  return rows.filter(({ sessionId }) => held.has(sessionId))
}

/** The same of one that was looked for; null: there is none, or none for them. */
export async function ofSessionHeld<Row extends { readonly sessionId: string }>(
  db: Queryable,
  caller: Caller,
  permission: PermissionName,
  row: Row | null,
): Promise<Row | null> {
  const [held] = await ofSessionsHeld(db, caller, permission, row === null ? [] : [row])
  return held ?? null
}

/** What a list of sessions is narrowed by. */
export interface SessionFilter {
  readonly agentId?: string | null | undefined
  readonly status?: SessionStatus | null | undefined
  readonly reference?: string | null | undefined
  /** Only those of the caller's own user. */
  readonly mine?: boolean | null | undefined
  readonly createdAfter?: Date | undefined
  readonly createdBefore?: Date | undefined
}

export const sessionFilter = (
  { user }: Caller,
  { agentId, status, reference, mine, createdAfter, createdBefore }: SessionFilter,
): Prisma.SessionWhereInput => ({
  ...(typeof agentId === 'string' && (isId(agentId) ? { agentId } : none)),
  ...(status && { terminatedAt: status === 'ACTIVE' ? null : { not: null } }),
  ...(typeof reference === 'string' && { reference }),
  ...(mine && { createdById: user.id }),
  createdAt: between(createdAfter, createdBefore),
})
