import type { Caller } from '../../auth/caller.ts'
import { spacesWith } from '../../auth/policy.ts'
import { all, contains, equalsId, isNoneOf, isThere } from '../../db/conditions.ts'
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
 * Whether the spaces of an agent, one at least, are all among the ids (unanimity). A deleted space is
 * among nobody's. The agent is named by two columns of whatever is listed.
 */
export function isAgentWithin(
  ids: readonly string[],
  workspaceId: Prisma.Sql,
  agentId: Prisma.Sql,
): Prisma.Sql {
  const from = Prisma.sql`"AgentSpace" x`
  const spaceId = Prisma.sql`x."spaceId"`
  const its = Prisma.sql`x."workspaceId" = ${workspaceId} AND x."agentId" = ${agentId}`
  const outside = Prisma.sql`${its} AND ${isNoneOf(spaceId, ids)}`
  return Prisma.sql`${isThere(from, its, spaceId)} AND NOT ${isThere(from, outside, spaceId)}`
}

/**
 * The agents that the caller sees: those in every space of which they hold agents:read. One whose
 * spaces include a deleted one, or that has none, is seen with all spaces only.
 */
export function visibleAgents({ workspaceId, rights }: Caller): Prisma.Sql {
  const conditions = [Prisma.sql`a."workspaceId" = ${workspaceId} AND a."deletedAt" IS NULL`]
  const ids = spacesWith(rights, 'agents:read')
  if (ids !== 'all')
    conditions.push(isAgentWithin(ids, Prisma.sql`a."workspaceId"`, Prisma.sql`a.id`))
  return all(conditions)
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
