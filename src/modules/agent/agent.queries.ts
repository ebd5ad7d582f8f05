import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { spacesWith } from '../../auth/policy.ts'
import { all, contains, equalsId } from '../../db/conditions.ts'
import { columnsWithout } from '../../db/page.ts'
import { type Agent, Prisma } from '../../generated/prisma/client.ts'

/** An agent without its instructions, which may be long. */
export type AgentRow = Omit<Agent, 'instructions'>

/** The listed table of agents, instructions included: for a single one. */
export const agentsWithInstructions = { from: Prisma.sql`"Agent" a`, alias: Prisma.sql`a` }

/** The listed table of agents. */
export const agents = {
  ...agentsWithInstructions,
  columns: columnsWithout('a', Prisma.AgentScalarFieldEnum, ['instructions']),
}

/**
 * Whether the caller holds the permission in every space of the agent `a` (unanimity), deleted or
 * not. Of an agent whose spaces include a deleted one, that is so with all spaces only, and of one
 * without any for nobody else.
 */
export function inEverySpaceOfAgent(caller: Caller, permission: PermissionName): Prisma.Sql {
  const ids = spacesWith(caller.rights, permission)
  const own = Prisma.sql`a."workspaceId" = ${caller.workspaceId}`
  if (ids === 'all') return own
  const its = Prisma.sql`SELECT 1 FROM "AgentSpace" x
    WHERE x."workspaceId" = a."workspaceId" AND x."agentId" = a.id`
  return Prisma.sql`${own} AND EXISTS (${its}) AND NOT EXISTS (${its} AND x."spaceId" <> ALL(${ids}::text[]))`
}

/** The agents that the caller sees: those in every space of which they hold agents:read. */
export const visibleAgents = (caller: Caller): Prisma.Sql =>
  Prisma.sql`a."deletedAt" IS NULL AND ${inEverySpaceOfAgent(caller, 'agents:read')}`

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
