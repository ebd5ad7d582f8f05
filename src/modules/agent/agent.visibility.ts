import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { holdsInEvery, spacesWith } from '../../auth/policy.ts'
import {
  idsAmong,
  idsOfParents,
  isNoneOf,
  type NestedListing,
  pageOf,
  parentId,
} from '../../db/nested-pages.ts'
import type { PageRequest } from '../../db/page.ts'
import { containing } from '../../db/where.ts'
import { type AgentStatus, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { spacesHeld } from '../space/space.visibility.ts'

/** That the spaces of something, one at least, are all among those held (unanimity). */
export function allAmong(held: string[] | Prisma.SpaceWhereInput) {
  if (!Array.isArray(held)) return { some: { space: held }, none: { space: { NOT: held } } }
  // `some` leads from the spaces to what is in them; `every` would look at all of the workspace.
  return { some: { spaceId: { in: held } }, none: { spaceId: { notIn: held } } }
}

/**
 * Whether none of the links `x` leads to another space than these, in SQL. The first that does ends the
 * look: a scalar, for a plan that joins would read the links of everything.
 */
const areNoneOutside = (ids: readonly string[], links: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`(SELECT TRUE FROM ${links} AND ${isNoneOf(Prisma.sql`x."spaceId"`, ids)} LIMIT 1) IS NULL`

/** `allAmong` in SQL, of the ids of spaces and the links `x` to those of something. */
export const areAllAmong = (ids: readonly string[], links: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`(${areNoneOutside(ids, links)} AND (SELECT TRUE FROM ${links} LIMIT 1) IS TRUE)`

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

/** `liveAgents` in SQL, of an agent `a`. */
const isLive = ({ workspaceId }: Caller): Prisma.Sql =>
  Prisma.sql`a."workspaceId" = ${workspaceId} AND a."deletedAt" IS NULL`

/** The links `x` of an agent, which is named by two columns of what is listed. */
const linksOf = (workspaceId: Prisma.Sql, agentId: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`"AgentSpace" x WHERE x."workspaceId" = ${workspaceId} AND x."agentId" = ${agentId}`

/**
 * Whether the spaces of an agent, one at least, are all among the ids (unanimity), in SQL. A deleted
 * space is among nobody's.
 */
export const isAgentWithin = (
  ids: readonly string[],
  workspaceId: Prisma.Sql,
  agentId: Prisma.Sql,
): Prisma.Sql => areAllAmong(ids, linksOf(workspaceId, agentId))

/** Whether the caller sees the agent of that id in their workspace, if it is live. */
function isReached({ workspaceId, rights }: Caller, agentId: Prisma.Sql): Prisma.Sql {
  const ids = spacesWith(rights, 'agents:read')
  return ids === 'all' ? Prisma.sql`TRUE` : isAgentWithin(ids, Prisma.sql`${workspaceId}`, agentId)
}

const agents = { from: Prisma.sql`"Agent" a`, alias: Prisma.sql`a` }
const agentId = Prisma.sql`a.id`

/** So few agents are checked by their own spaces: the caller's may be a thousand, and would all be sent. */
const fewAgents = 20

/** Those of the ids whose agents the caller sees; a deleted agent may be among them. */
export async function agentsSeen(
  db: Queryable,
  caller: Caller,
  ids: readonly string[],
): Promise<string[]> {
  if (ids.length > fewAgents) {
    const where = Prisma.sql`${isLive(caller)} AND ${isReached(caller, agentId)}`
    return await idsAmong(db, { ...agents, where }, ids)
  }
  const rows = await db.$queryRaw<{ id: string; spaceIds: string[] }[]>`
    SELECT "agentId" AS id, array_agg("spaceId") AS "spaceIds" FROM "AgentSpace"
     WHERE "workspaceId" = ${caller.workspaceId} AND "agentId" = ANY(${ids.filter(isId)}::text[])
     GROUP BY "agentId"`
  return rows
    .filter(({ spaceIds }) => holdsInEvery(caller.rights, 'agents:read', spaceIds))
    .map(({ id }) => id)
}

/** What a list of agents is narrowed by. */
export interface AgentFilter {
  readonly spaceId?: string | null | undefined
  readonly status?: AgentStatus | null | undefined
  readonly search?: string | null | undefined
}

const filtered = ({ status, search }: AgentFilter): Prisma.AgentWhereInput => ({
  ...(status && { status }),
  ...(search && { name: containing(search) }),
})

/** The same in SQL, of an agent `a`. */
function isAskedFor({ status, search }: AgentFilter): Prisma.Sql {
  const hasStatus = status ? Prisma.sql`a.status = ${status}::"AgentStatus"` : Prisma.sql`TRUE`
  return search
    ? Prisma.sql`${hasStatus} AND a.name ILIKE ${`%${containing(search).contains}%`}`
    : hasStatus
}

/** The agents of each space in turn, by its links in the order of the list; not checked for visibility. */
const linksOfSpaces = (workspaceId: string): NestedListing => ({
  from: Prisma.sql`(SELECT x."workspaceId", x."spaceId", x."agentId" AS id, x."agentCreatedAt" AS "createdAt"
    FROM "AgentSpace" x) AS link`,
  alias: Prisma.sql`link`,
  where: Prisma.sql`link."workspaceId" = ${workspaceId}`,
  tie: Prisma.sql`link."spaceId" = ${parentId}`,
})

/** The visible agents of each space in turn. */
export function agentsOfSpaces(caller: Caller): NestedListing {
  const { workspaceId, rights } = caller
  const id = Prisma.sql`link.id`
  const held = spacesWith(rights, 'agents:read')
  // It has one space at least: the one that it is listed of.
  const isReached =
    held === 'all'
      ? Prisma.sql`TRUE`
      : areNoneOutside(held, linksOf(Prisma.sql`${workspaceId}`, id))
  // A scalar is asked for row by row: no plan is led to read all agents for a few.
  const isShown = Prisma.sql`(SELECT a."deletedAt" IS NULL FROM "Agent" a
    WHERE a."workspaceId" = ${workspaceId} AND ${agentId} = ${id})`
  const links = linksOfSpaces(workspaceId)
  const where = Prisma.sql`${links.where} AND ${isReached} AND ${isShown}`
  return { ...links, where, rows: agents }
}

/**
 * How many of the newest agents are looked at, for each that a page has, for those that a caller without
 * all spaces sees: to check one takes as long as to look into some spaces.
 */
const lookedAtForEach = 4

/** The ids of those agents among the newest behind the place where the page begins, and one more. */
async function seenAmongNewest(
  db: Queryable,
  caller: Caller,
  filter: AgentFilter,
  page: PageRequest,
): Promise<string[]> {
  const columns = Prisma.sql`a.id, a."createdAt", a.name, a.status`
  const look = { ...page, limit: lookedAtForEach * page.limit }
  const newest = pageOf({ ...agents, columns, where: isLive(caller) }, look)
  const from = Prisma.sql`(${newest}) AS a`
  const where = Prisma.sql`${isReached(caller, agentId)} AND ${isAskedFor(filter)}`
  const rows = await db.$queryRaw<{ id: string }[]>(
    pageOf({ ...agents, from, columns: agentId, where }, page),
  )
  return rows.map(({ id }) => id)
}

/**
 * The agents of a page, and one more, that the caller sees. Who sees many finds enough among the newest;
 * who sees few is led to them by their spaces, and a filter by one space by that space.
 *
 * @throws RequestError QUERY_TOO_COMPLEX as `spacesHeld`
 */
export async function agentsOfPage(
  db: Queryable,
  caller: Caller,
  filter: AgentFilter,
  page: PageRequest,
): Promise<Prisma.AgentWhereInput> {
  // Also where it is not used: it refuses a caller who names too many spaces.
  const visible = visibleAgents(caller)
  const held = spacesWith(caller.rights, 'agents:read')
  const spaceIds = typeof filter.spaceId === 'string' ? [filter.spaceId].filter(isId) : held
  if (spaceIds === 'all') return { ...visible, ...filtered(filter) }
  const newest = spaceIds === held ? await seenAmongNewest(db, caller, filter, page) : []
  const where = Prisma.sql`${isLive(caller)} AND ${isReached(caller, agentId)} AND ${isAskedFor(filter)}`
  const check = (some: readonly string[]) => idsAmong(db, { ...agents, where }, some)
  const ids =
    newest.length > page.limit
      ? newest
      : await idsOfParents(db, spaceIds, linksOfSpaces(caller.workspaceId), page, check)
  return { ...liveAgents(caller), id: { in: ids } }
}
