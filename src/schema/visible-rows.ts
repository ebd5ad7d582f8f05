import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { findPages, type NestedListing } from '../db/nested-pages.ts'
import { type Listed, type Page, type PageArgs, pageRequest, toPage } from '../db/page.ts'
import { type RowsOfPage, rowsOfPage } from '../db/where.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { isId } from '../ids.ts'
import type { Context, DataLoader } from './context.ts'

/** What Prisma is to read of a row: what the operation shows of it, and its place in a list. */
export interface Plan {
  readonly select: { readonly id: true; readonly createdAt: true }
}

/**
 * Of the rows of a connection. Plans belong to one place in the answer: each resolver needs its own.
 *
 * @param place the columns by which the list is ordered
 */
export const planOfNodes = <Place extends object = Plan['select']>(
  context: Context,
  info: GraphQLResolveInfo,
  place: object = { id: true, createdAt: true },
): { readonly select: Place } =>
  queryFromInfo({
    context,
    info,
    paths: [['nodes'], ['edges', 'node']],
    select: { ...place },
  }) as { select: Place }

/**
 * Of what a field leads to that is not read by its parent. It takes as long as reading some columns.
 *
 * @param typeName the type of the rows, where the field leads to objects of several
 */
export const planOf = (context: Context, info: GraphQLResolveInfo, typeName?: string): Plan =>
  queryFromInfo({ context, info, ...(typeName && { typeName }) }) as Plan

/** One page of the rows that fulfil all conditions. */
export async function listPage<Where>(
  context: Context,
  info: GraphQLResolveInfo,
  args: PageArgs,
  where: Where[],
  find: (query: Plan & RowsOfPage<Where>) => Promise<Listed[]>,
): Promise<Page> {
  const page = pageRequest(args)
  const rows = await find({ ...planOfNodes(context, info), ...rowsOfPage(page, where) })
  return toPage(rows, page)
}

/** What can be read of rows of which a caller without all spaces sees some. */
interface RowsToRead<Where> {
  readonly select: { readonly id: true }
  readonly where: Where | { readonly AND: (Where | object)[] }
  readonly orderBy?: RowsOfPage<Where>['orderBy']
  readonly take?: number
}

/** Rows of which a caller without all spaces sees some, and how it is found out which. */
export interface VisibleList<Where, Row extends { readonly id: string }> {
  /** The rows, before it is checked who sees them. */
  readonly all: Where
  /** Those that the caller sees, as a condition. */
  readonly visible: () => Where
  /** Those of these ids that the caller sees, who may reach more spaces than a condition names. */
  readonly check: (ids: readonly string[]) => Promise<readonly string[]>
  readonly find: (query: RowsToRead<Where>) => Promise<Row[]>
}

/** How many of the newest rows of a list are checked by their ids. */
const mostChecked = 250

/**
 * One page of the rows that the caller sees. Who sees many finds enough among the newest, in the order
 * of the list; who sees few is led to them by the condition, which reads all that they see and sorts it.
 */
export function visiblePage<Where, Row extends { readonly id: string }>(
  context: Context,
  info: GraphQLResolveInfo,
  args: PageArgs,
  { all, visible, check, find }: VisibleList<Where, Row>,
  filter: Where,
): Promise<Page> {
  // Plans read the place of each row as well.
  const findListed = find as unknown as (query: object) => Promise<Listed[]>
  if (context.caller.rights.allSpaces)
    return listPage(context, info, args, [visible(), filter], findListed)
  return listPage(context, info, args, [all, filter], async (query) => {
    const newest = await find({ ...query, select: { id: true }, take: mostChecked })
    const seen = await check(newest.map(({ id }) => id))
    const isPage = seen.length >= query.take || newest.length < mostChecked
    const condition = isPage ? { id: { in: seen } } : visible()
    return findListed({ ...query, where: { AND: [...query.where.AND, condition] } })
  })
}

/** The rows of these ids that the caller sees, in any order. */
export async function visibleRows<Where, Row extends { readonly id: string }>(
  { caller }: Context,
  { all, visible, check, find }: VisibleList<Where, Row>,
  ids: readonly string[],
  plan: Plan,
): Promise<Row[]> {
  const { allSpaces } = caller.rights
  const seen = allSpaces ? ids.filter(isId) : await check(ids)
  const where = { AND: [allSpaces ? visible() : all, { id: { in: seen } }] }
  return await find({ ...plan, where })
}

/** The columns that a plan asks for, of a listed table. */
const columnsOf = ({ select }: Plan, alias: Prisma.Sql): Prisma.Sql =>
  Prisma.join(
    Object.entries(select).map(([name, value]) => {
      if (value !== true) throw new Error(`${name} is no column: load it by a loader`)
      return Prisma.sql`${alias}.${Prisma.raw(`"${name}"`)}`
    }),
  )

/**
 * A page of a parent's own list. All parents that one field of the operation has are answered together.
 */
export function parentsPage(
  context: Context,
  info: GraphQLResolveInfo,
  parent: string,
  args: PageArgs,
  listing: () => NestedListing,
): Promise<Page> {
  const plan = planOfNodes(context, info)
  const page = pageRequest(args)
  const loader = context.loader<Page>(info.fieldNodes, (parents) => {
    const rows = listing()
    const columns = columnsOf(plan, (rows.rows ?? rows).alias)
    return findPages(context.deps.prisma, context.caller, parents, { ...rows, columns }, page)
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
  context.loader<Row | null>(fieldNodes, async (ids) => {
    const rows = await find([...ids])
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => byId.get(id) ?? null)
  })

/** The same of rows of which a caller may see some, each null where they do not see it. */
export const visibleLoader =
  <Where, Row extends { readonly id: string }>(
    list: (context: Context) => VisibleList<Where, Row>,
  ) =>
  (context: Context, info: GraphQLResolveInfo, plan: object): DataLoader<Row | null> =>
    rowsById(context, info, (ids) => visibleRows(context, list(context), ids, plan as Plan))
