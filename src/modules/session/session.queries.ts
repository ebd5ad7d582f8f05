import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { onlyOwnSessions } from '../../auth/roles.ts'
import { all, compareInstant, equalsId } from '../../db/conditions.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { inEverySpaceOfAgent } from '../agent/agent.queries.ts'

export type SessionStatus = 'ACTIVE' | 'TERMINATED'

/** The agent `a` of the session `s`. */
export const agentOfSession = Prisma.sql`
  JOIN "Agent" a ON a."workspaceId" = s."workspaceId" AND a.id = s."agentId"`

/** The listed table of sessions, with their agents. */
export const sessions = {
  from: Prisma.sql`"Session" s ${agentOfSession}`,
  alias: Prisma.sql`s`,
}

/**
 * Whether the caller holds the permission for the session `s`: in every space of its agent `a`, and
 * as whoever it belongs to where their role ends there.
 */
export function heldForSession(caller: Caller, permission: PermissionName): Prisma.Sql {
  const held = inEverySpaceOfAgent(caller, permission)
  return onlyOwnSessions(caller.user.role)
    ? Prisma.sql`${held} AND s."createdById" = ${caller.user.id}`
    : held
}

/** The sessions that the caller sees. Those of a deleted agent are there still. */
export const visibleSessions = (caller: Caller): Prisma.Sql =>
  heldForSession(caller, 'sessions:read')

/** The sessions of one agent, as a column names it. */
export const sessionsOfAgent = (agentId: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`s."agentId" = ${agentId}`

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
