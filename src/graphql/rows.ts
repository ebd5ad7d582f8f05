import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import type { Context, DataLoader } from '../context.ts'
import {
  findPages,
  type Listed,
  type Listing,
  type Page,
  type PageArgs,
  pageRequest,
  toPage,
} from '../db/page.ts'
import { type RowsOfPage, rowsOfPage } from '../db/where.ts'
import { Prisma } from '../generated/prisma/client.ts'

/** What Prisma is to read of a row: what the operation shows of it, and its place in a list. */
interface Plan {
  readonly select: { readonly id: true; readonly createdAt: true }
}

/** Of the rows of a connection. Plans belong to one place in the answer: each resolver needs its own. */
const planOfNodes = (context: Context, info: GraphQLResolveInfo): Plan =>
  queryFromInfo({
    context,
    info,
    paths: [['nodes'], ['edges', 'node']],
    select: { id: true, createdAt: true },
  }) as Plan

/** One page of the rows that fulfil all conditions. */
export async function listPage<Where>(
  context: Context,
  info: GraphQLResolveInfo,
  args: PageArgs,
  where: Where[],
  find: (query: Plan & RowsOfPage<Where>) => Promise<Listed[]>,
): Promise<Page<Listed>> {
  const page = pageRequest(args)
  const rows = await find({ ...planOfNodes(context, info), ...rowsOfPage(page, where) })
  return toPage(rows, page)
}

/** The rows of those ids in the caller's workspace. */
interface RowsOfIds {
  readonly where: { readonly workspaceId: string; readonly id: { in: string[] } }
}

/** The columns that a plan asks for; undefined: it asks for relations as well. */
function columnsOf({ select }: Plan, alias: Prisma.Sql): Prisma.Sql | undefined {
  const selected = Object.entries(select)
  if (selected.some(([, value]) => value !== true)) return undefined
  return Prisma.join(selected.map(([name]) => Prisma.sql`${alias}.${Prisma.raw(`"${name}"`)}`))
}

/**
 * A page of a parent's own list. All parents that one field of the operation has are answered by one
 * statement, and by another where relations are shown; `listing` must tie its rows to `parentId`.
 */
export function parentsPage(
  context: Context,
  info: GraphQLResolveInfo,
  parent: string,
  args: PageArgs,
  listing: () => Listing,
  find: (query: Plan & RowsOfIds) => Promise<Listed[]>,
): Promise<Page<Listed>> {
  const page = pageRequest(args)
  const plan = planOfNodes(context, info)
  const loader = context.batch<Page<Listed>>(info.fieldNodes, async (parents) => {
    const { deps, caller } = context
    const rowsOf = listing()
    const { alias } = rowsOf
    const columns = columnsOf(plan, alias)
    const place = Prisma.sql`${alias}.id, ${alias}."createdAt"`
    const listed = { ...rowsOf, columns: columns ?? place }
    const pages = await findPages(deps.prisma, parents, listed, page)
    if (columns !== undefined) return pages
    const ids = pages.flatMap(({ nodes }) => nodes.map(({ id }) => id))
    const where = { workspaceId: caller.workspaceId, id: { in: [...new Set(ids)] } }
    const rows = new Map((await find({ ...plan, where })).map((row) => [row.id, row]))
    return pages.map((its) => ({
      ...its,
      nodes: its.nodes.map(({ id }) => rows.get(id)).filter((row) => row !== undefined),
    }))
  })
  return loader.load(parent)
}

/**
 * Rows by their ids, each null where `find` gives none. All that one field of the operation leads to,
 * whatever its parents, is read in one go.
 */
export const rowsById = <Row extends { readonly id: string }>(
  context: Context,
  { fieldNodes }: GraphQLResolveInfo,
  find: (ids: string[]) => Promise<Row[]>,
): DataLoader<Row | null> =>
  context.batch<Row | null>(fieldNodes, async (ids) => {
    const rows = await find([...ids])
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => byId.get(id) ?? null)
  })
