import type { Caller } from '../../auth/caller.ts'
import { holds, holdsInEvery, spacesWith } from '../../auth/policy.ts'
import { isNoneOf, isThere, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { containing, none } from '../../db/where.ts'
import { type AgentStatus, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { spacesHeld } from '../space/space.visibility.ts'

/** Spaces beyond which what is in them is looked for among all, in the order of the list. */
const manySpaces = 100

/** That the spaces of something, one at least, are all among those held (unanimity). */
export function allAmong(held: string[] | Prisma.SpaceWhereInput) {
  if (!Array.isArray(held)) return { some: { space: held }, none: { space: { NOT: held } } }
  // `some` leads from few spaces to what is in them; `every` would look at all of the workspace.
  // From many it would be the product of both: then any space will do, since none is another.
  const some = held.length > manySpaces ? {} : { spaceId: { in: held } }
  return { some, none: { spaceId: { notIn: held } } }
}

/**
 * The agents that the caller sees: those in every space of which they hold agents:read. One whose
 * spaces include a deleted one, or that has none, is seen with all spaces only.
 */
export function visibleAgents(caller: Caller): Prisma.AgentWhereInput {
  const live = { workspaceId: caller.workspaceId, deletedAt: null }
  const held = spacesHeld(caller, 'agents:read')
  return held === 'all' ? live : { ...live, spaces: allAmong(held) }
}

/** What of an agent is read beside what is shown, so that `seesAgent` can judge. */
export const itsSpaces = {
  spaces: { select: { spaceId: true }, orderBy: { spaceId: 'asc' } },
} as const

/** Whether the caller sees every agent, also one whose spaces are deleted. */
export const seesAllAgents = ({ rights }: Caller): boolean =>
  rights.allSpaces && holds(rights, 'agents:read')

/** `visibleAgents` for one with its spaces: what is judged here needs no list of all within reach. */
export const seesAgent = (
  caller: Caller,
  { spaces }: { readonly spaces: readonly { readonly spaceId: string }[] },
): boolean =>
  seesAllAgents(caller) ||
  holdsInEvery(
    caller.rights,
    'agents:read',
    spaces.map(({ spaceId }) => spaceId),
  )

/** The agents of these ids, before it is judged who sees them. */
export const agentsOf = (
  { workspaceId }: Caller,
  ids: readonly string[],
): Prisma.AgentWhereInput => ({ workspaceId, deletedAt: null, id: { in: ids.filter(isId) } })

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

/** `visibleAgents` in SQL, of those of each space in turn. */
export function agentsOfSpaces({ workspaceId, rights }: Caller): NestedListing {
  const ids = spacesWith(rights, 'agents:read')
  const isHeld =
    ids === 'all'
      ? Prisma.sql`TRUE`
      : isAgentWithin(ids, Prisma.sql`a."workspaceId"`, Prisma.sql`a.id`)
  return {
    from: Prisma.sql`"Agent" a`,
    alias: Prisma.sql`a`,
    where: Prisma.sql`a."workspaceId" = ${workspaceId} AND a."deletedAt" IS NULL AND ${isHeld}`,
    tie: Prisma.sql`EXISTS (
      SELECT 1 FROM "AgentSpace" sp
       WHERE sp."workspaceId" = a."workspaceId" AND sp."agentId" = a.id AND sp."spaceId" = ${parentId})`,
    isShared: true,
  }
}

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
