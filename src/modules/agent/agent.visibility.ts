import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { holdsInEvery, spacesWith } from '../../auth/policy.ts'
import { idsAmong, isNoneOf, isThere, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { containing, none } from '../../db/where.ts'
import { type AgentStatus, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { spacesHeld } from '../space/space.visibility.ts'

/** That the spaces of something, one at least, are all among those held (unanimity). */
export function allAmong(held: string[] | Prisma.SpaceWhereInput) {
  if (!Array.isArray(held)) return { some: { space: held }, none: { space: { NOT: held } } }
  // `some` leads from the spaces to what is in them; `every` would look at all of the workspace.
  return { some: { spaceId: { in: held } }, none: { spaceId: { notIn: held } } }
}

/** The agents of the workspace, before it is checked who sees them. */
export const liveAgents = ({ workspaceId }: Caller): Prisma.AgentWhereInput => ({
  workspaceId,
  deletedAt: null,
})

/**
 * The agents that the caller sees: those in every space of which they hold agents:read. One whose
 * spaces include a deleted one, or that has none, is seen with all spaces only.
 */
export function visibleAgents(caller: Caller): Prisma.AgentWhereInput {
  const held = spacesHeld(caller, 'agents:read')
  return held === 'all' ? liveAgents(caller) : { ...liveAgents(caller), spaces: allAmong(held) }
}

/**
 * Whether the spaces of an agent, one at least, are all among the ids (unanimity), in SQL. A deleted
 * space is among nobody's. The agent is named by two columns of whatever is listed.
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

/** `visibleAgents` in SQL, of an agent `a`. */
function isVisibleAgent({ workspaceId, rights }: Caller): Prisma.Sql {
  const ids = spacesWith(rights, 'agents:read')
  const isHeld =
    ids === 'all'
      ? Prisma.sql`TRUE`
      : isAgentWithin(ids, Prisma.sql`a."workspaceId"`, Prisma.sql`a.id`)
  return Prisma.sql`a."workspaceId" = ${workspaceId} AND a."deletedAt" IS NULL AND ${isHeld}`
}

const agents = { from: Prisma.sql`"Agent" a`, alias: Prisma.sql`a` }

/** So few agents are judged by their own spaces: the caller's may be a thousand, and would all be sent. */
const fewAgents = 20

/** Those of the ids whose agents the caller sees; a deleted agent may be among them. */
export async function agentsSeen(
  db: Queryable,
  caller: Caller,
  ids: readonly string[],
): Promise<string[]> {
  if (ids.length > fewAgents)
    return await idsAmong(db, { ...agents, where: isVisibleAgent(caller) }, ids)
  const rows = await db.$queryRaw<{ id: string; spaceIds: string[] }[]>`
    SELECT "agentId" AS id, array_agg("spaceId") AS "spaceIds" FROM "AgentSpace"
     WHERE "workspaceId" = ${caller.workspaceId} AND "agentId" = ANY(${ids.filter(isId)}::text[])
     GROUP BY "agentId"`
  return rows
    .filter(({ spaceIds }) => holdsInEvery(caller.rights, 'agents:read', spaceIds))
    .map(({ id }) => id)
}

/** The visible agents of each space in turn. */
export const agentsOfSpaces = (caller: Caller): NestedListing => ({
  ...agents,
  where: isVisibleAgent(caller),
  tie: Prisma.sql`EXISTS (
    SELECT 1 FROM "AgentSpace" sp
     WHERE sp."workspaceId" = a."workspaceId" AND sp."agentId" = a.id AND sp."spaceId" = ${parentId})`,
  isShared: true,
})

/** What a list of agents is narrowed by. */
export interface AgentFilter {
  readonly spaceId?: string | null | undefined
  readonly status?: AgentStatus | null | undefined
  readonly search?: string | null | undefined
}

export const agentFilter = ({ spaceId, status, search }: AgentFilter): Prisma.AgentWhereInput => ({
  ...(typeof spaceId === 'string' && (isId(spaceId) ? { spaces: { some: { spaceId } } } : none)),
  ...(status && { status }),
  ...(search && { name: containing(search) }),
})
