import type { Caller } from '../../auth/caller.ts'
import { spacesWith } from '../../auth/policy.ts'
import { all, contains, equalsId } from '../../db/conditions.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** The listed table of agents. */
export const agents = { from: Prisma.sql`"Agent" a`, alias: Prisma.sql`a` }

/**
 * The agents that the caller sees: those in every space of which they hold agents:read (unanimity).
 * An agent whose spaces include a deleted one is seen with all spaces only, one without any by nobody else.
 */
export function visibleAgents(caller: Caller): Prisma.Sql {
  const ids = spacesWith(caller.rights, 'agents:read')
  const own = Prisma.sql`a."workspaceId" = ${caller.workspaceId} AND a."deletedAt" IS NULL`
  if (ids === 'all') return own
  const its = Prisma.sql`SELECT 1 FROM "AgentSpace" x
    WHERE x."workspaceId" = a."workspaceId" AND x."agentId" = a.id`
  return Prisma.sql`${own} AND EXISTS (${its}) AND NOT EXISTS (${its} AND x."spaceId" <> ALL(${ids}::text[]))`
}

/** What a list of agents is narrowed by. */
export interface AgentFilter {
  readonly spaceId?: string | null | undefined
  readonly status?: 'ACTIVE' | 'ARCHIVED' | null | undefined
  readonly search?: string | null | undefined
}

/** The agents with a space that fulfils the condition on `sp."spaceId"`. */
const agentsWithSpace = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT 1 FROM "AgentSpace" sp
   WHERE sp."workspaceId" = a."workspaceId" AND sp."agentId" = a.id AND ${condition})`

/** The agents of one space, as a column names it. */
export const agentsOfSpace = (spaceId: Prisma.Sql): Prisma.Sql =>
  agentsWithSpace(Prisma.sql`sp."spaceId" = ${spaceId}`)

export function agentFilter({ spaceId, status, search }: AgentFilter): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  if (typeof spaceId === 'string')
    conditions.push(agentsWithSpace(equalsId(Prisma.sql`sp."spaceId"`, spaceId)))
  if (status) conditions.push(Prisma.sql`a.status = ${status}::"AgentStatus"`)
  if (search) conditions.push(contains(Prisma.sql`a.name`, search))
  return all(conditions)
}
