import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { spacesWith } from '../../auth/policy.ts'
import { onlyOwnSessions } from '../../auth/roles.ts'
import { all, compareInstant, equalsId, isNoneOf } from '../../db/conditions.ts'
import { type NestedListing, parentId } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { isAgentWithin } from '../agent/agent.visibility.ts'

export type SessionStatus = 'ACTIVE' | 'TERMINATED'

/** The listed table of sessions. */
export const sessions = { from: Prisma.sql`"Session" s`, alias: Prisma.sql`s` }

/** Whether the spaces of the agent as the session `s` began, one at least, are all among the ids. */
const hasBegunWithin = (ids: readonly string[]): Prisma.Sql => Prisma.sql`coalesce((
  SELECT NOT bool_or(${isNoneOf(Prisma.sql`x."spaceId"`, ids)}) FROM "SessionSpace" x
   WHERE x."workspaceId" = s."workspaceId" AND x."sessionId" = s.id), FALSE)`

/** The sessions of the workspace that the caller's role reaches. */
const sessionsByRole = ({ workspaceId, user }: Caller): Prisma.Sql =>
  onlyOwnSessions(user.role)
    ? Prisma.sql`s."workspaceId" = ${workspaceId} AND s."createdById" = ${user.id}`
    : Prisma.sql`s."workspaceId" = ${workspaceId}`

/**
 * Whether the caller holds the permission for the session `s`: in every space that its agent has and
 * in every one that it had when the session began, deleted or not, and as whoever it belongs to where
 * their role ends there.
 */
export function heldForSession(caller: Caller, permission: PermissionName): Prisma.Sql {
  const conditions = [sessionsByRole(caller)]
  const ids = spacesWith(caller.rights, permission)
  if (ids === 'all') return all(conditions)
  const isWithin = isAgentWithin(ids, Prisma.sql`s."workspaceId"`, Prisma.sql`s."agentId"`)
  // CASE keeps PostgreSQL from joining: a page follows the index of the list's order and ends early,
  // and the agents, which are few, are asked about before the sessions' own spaces.
  return all([
    ...conditions,
    Prisma.sql`CASE WHEN ${isWithin} THEN ${hasBegunWithin(ids)} ELSE FALSE END`,
  ])
}

/** The sessions that the caller sees. Those of a deleted agent are there still. */
export const visibleSessions = (caller: Caller): Prisma.Sql =>
  heldForSession(caller, 'sessions:read')

/** The visible sessions of each agent in turn; an agent's spaces are looked at once for all of its sessions. */
export function sessionsOfAgents(caller: Caller): NestedListing {
  const ids = spacesWith(caller.rights, 'sessions:read')
  const byRole = sessionsByRole(caller)
  const tie = Prisma.sql`s."agentId" = ${parentId}`
  if (ids === 'all') return { ...sessions, where: byRole, tie }
  const parents = isAgentWithin(ids, Prisma.sql`${caller.workspaceId}`, parentId)
  return { ...sessions, parents, where: Prisma.sql`${byRole} AND ${hasBegunWithin(ids)}`, tie }
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

export function sessionFilter(caller: Caller, filter: SessionFilter): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  const { agentId, status, reference, mine, createdAfter, createdBefore } = filter
  if (typeof agentId === 'string') conditions.push(equalsId(Prisma.sql`s."agentId"`, agentId))
  if (status)
    conditions.push(
      status === 'ACTIVE'
        ? Prisma.sql`s."terminatedAt" IS NULL`
        : Prisma.sql`s."terminatedAt" IS NOT NULL`,
    )
  if (typeof reference === 'string') conditions.push(Prisma.sql`s.reference = ${reference}`)
  if (mine) conditions.push(Prisma.sql`s."createdById" = ${caller.user.id}`)
  const createdAt = Prisma.sql`s."createdAt"`
  if (createdAfter) conditions.push(compareInstant(createdAt, '>', createdAfter))
  if (createdBefore) conditions.push(compareInstant(createdAt, '<', createdBefore))
  return all(conditions)
}
