import type { Caller } from '../auth/caller.ts'
import type { Queryable } from '../auth/key-record.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { isId } from '../ids.ts'
import { type Listed, type Page, type PageRequest, toPage } from './page.ts'

/**
 * Whether the column holds none of the ids. A subquery is hashed under every plan, while `<> ALL` and
 * `= ANY` compare with each id in turn where the plan is a generic one.
 */
export const isNoneOf = (column: Prisma.Sql, ids: readonly string[]): Prisma.Sql =>
  Prisma.sql`${column} NOT IN (SELECT unnest(${ids}::text[]))`

/**
 * Whether `from` has a row that fulfils the condition. EXISTS leaves it to the planner's estimates
 * whether all rows of the table are joined or scanned for it; in the order of an index, as the column
 * names it, those of the condition are read up to the first.
 */
export const isThere = (from: Prisma.Sql, condition: Prisma.Sql, column: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`((SELECT TRUE FROM ${from} WHERE ${condition} ORDER BY ${column} LIMIT 1) IS NOT NULL)`

/** The id of the parent that a listing of children is asked for, inside `findPages`. */
export const parentId = Prisma.sql`parent.id`

/**
 * Rows that many parents have lists of: a FROM with the listed table under `alias`, and which of its rows.
 */
export interface NestedListing {
  readonly from: Prisma.Sql
  readonly alias: Prisma.Sql
  /** What holds for the rows of all parents. */
  readonly where: Prisma.Sql
  /** Which of the rows are the parent's own, by `parentId`. */
  readonly tie: Prisma.Sql
  /** Which of the parents have a list at all, by `parentId`; each by default. */
  readonly parents?: Prisma.Sql
  /** A row can be several parents' own. */
  readonly isShared?: true
  /** The ids of the rows that are tied to a parent, by `parentId`, where a link table has them. */
  readonly links?: Prisma.Sql
  /** Which of the rows are all parents' own beside those that are tied to one: they are read once. */
  readonly common?: Prisma.Sql
}

/** The same, with what of a row is read. */
export type NestedRows = NestedListing & { readonly columns: Prisma.Sql }

/**
 * Those of the ids whose rows fulfil the condition of the listing. What a caller sees of a few rows is
 * asked so: in SQL all spaces are one parameter, while a condition of Prisma names each of them, takes
 * longer to plan than the rest, and ends at some number.
 */
export async function idsAmong(
  db: Queryable,
  { from, alias, where }: Pick<NestedListing, 'from' | 'alias' | 'where'>,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT ${alias}.id FROM ${from} WHERE ${where} AND ${alias}.id = ANY(${ids.filter(isId)}::text[])`
  return rows.map(({ id }) => id)
}

function statement({ from, alias, columns, where }: NestedRows, page: PageRequest): Prisma.Sql {
  const behind =
    page.after === null
      ? Prisma.empty
      : Prisma.sql`AND (${alias}."createdAt", ${alias}.id) < (${page.after.at.toISOString()}::timestamptz, ${page.after.id})`
  return Prisma.sql`SELECT ${columns} FROM ${from} WHERE ${where} ${behind}
    ORDER BY ${alias}."createdAt" DESC, ${alias}.id DESC LIMIT ${page.limit + 1}`
}

/** Of one statement: the embedded database works on the thread that answers everybody. */
const mostParents = 100
/** Spaces that the rows of one statement are compared with, where each row is one parent's own. */
const mostComparisons = 250_000

/** How many spaces the caller is limited to, each of which a row is compared with; none: to no list. */
const spacesOf = ({ rights }: Caller): number => (rights.allSpaces ? 0 : rights.spaces.size)

/** The same page of each parent's own list, of as many parents at once as take a short time. */
export async function findPages(
  db: Queryable,
  caller: Caller,
  parents: readonly string[],
  listing: NestedRows,
  page: PageRequest,
): Promise<Page[]> {
  const comparisons = listing.isShared ? 1 : page.limit * spacesOf(caller) || 1
  const atOnce = Math.max(1, Math.min(mostParents, Math.floor(mostComparisons / comparisons)))
  const pages: Page[] = []
  while (pages.length < parents.length) {
    const some = parents.slice(pages.length, pages.length + atOnce)
    pages.push(...(await findPagesAtOnce(db, caller, some, listing, page)))
  }
  return pages
}

/** In one statement for all of the parents. Rows that parents share are read once, in a second one. */
async function findPagesAtOnce(
  db: Queryable,
  caller: Caller,
  parents: readonly string[],
  listing: NestedRows,
  page: PageRequest,
): Promise<Page[]> {
  const { from, alias, where } = listing
  const withList = Prisma.sql`(SELECT id FROM unnest(${parents}::text[]) AS parent (id)
    WHERE ${listing.parents ?? Prisma.sql`TRUE`} OFFSET 0) AS parent`
  if (!listing.isShared) {
    const rows = await db.$queryRaw<(Listed & OfParent)[]>(pagesOf(withList, listing, page))
    const byParent = Map.groupBy(rows, (row) => row.parentId)
    return parents.map((id) => toPage(byParent.get(id) ?? [], page))
  }
  const places = { ...listing, columns: Prisma.sql`${alias}.id, ${alias}."createdAt"` }
  const links = await db.$queryRaw<(Listed & OfParent)[]>(
    isDear(caller, parents)
      ? pagesOfJudgedOnce(withList, caller, places, page)
      : pagesOf(withList, places, page),
  )
  const ids = [...new Set(links.map(({ id }) => id))]
  const rows = await db.$queryRaw<Listed[]>`
    SELECT ${listing.columns} FROM ${from} WHERE ${where} AND ${alias}.id = ANY(${ids}::text[])`
  const byId = new Map(rows.map((row) => [row.id, row]))
  const byParent = Map.groupBy(links, (link) => link.parentId)
  return parents.map((parent) => {
    const its = byParent.get(parent) ?? []
    const present = its.flatMap(({ id }) => {
      const row = byId.get(id)
      return row ? [{ ...row }] : []
    })
    // What went out of sight between the statements is missing; what follows the page is not.
    return { ...toPage(present, page), hasNextPage: its.length > page.limit }
  })
}

interface OfParent {
  readonly parentId: string
}

/** The pages of all parents as one list, newest first; `named` are the queries that it may name. */
function pagesOf(
  parents: Prisma.Sql,
  listing: NestedRows,
  page: PageRequest,
  named: readonly Prisma.Sql[] = [],
): Prisma.Sql {
  const { where, tie, common } = listing
  const rowsWhere = (condition: Prisma.Sql) =>
    statement({ ...listing, where: Prisma.sql`${where} AND ${condition}` }, page)
  const rowsOfParent = common
    ? Prisma.sql`SELECT * FROM ((${rowsWhere(tie)}) UNION ALL SELECT * FROM common) AS listed
        ORDER BY "createdAt" DESC, id DESC LIMIT ${page.limit + 1}`
    : rowsWhere(tie)
  const all = common
    ? [...named, Prisma.sql`common AS MATERIALIZED (${rowsWhere(common)})`]
    : [...named]
  const before = all.length === 0 ? Prisma.empty : Prisma.sql`WITH ${Prisma.join(all)}`
  return Prisma.sql`${before} SELECT ${parentId} AS "parentId", child.*
    FROM ${parents} CROSS JOIN LATERAL (${rowsOfParent}) child
   ORDER BY child."createdAt" DESC, child.id DESC`
}

/**
 * A row is compared with as many spaces as the caller is limited to: where parents share their rows,
 * the work could be the product of parents, rows and spaces.
 */
const isDear = (caller: Caller, parents: readonly string[]): boolean =>
  spacesOf(caller) * parents.length > 5_000

/** The same, with `where` worked out once for each row instead of once for each row of each parent. */
const pagesOfJudgedOnce = (
  parents: Prisma.Sql,
  { workspaceId }: Caller,
  listing: NestedRows,
  page: PageRequest,
): Prisma.Sql => {
  const { from, alias, where, tie, links, common } = listing
  const ids = (condition: Prisma.Sql) =>
    Prisma.sql`SELECT ${alias}.id FROM ${from} WHERE ${where} AND ${condition}`
  const tied = ids(
    links
      ? Prisma.sql`${alias}.id IN (
          SELECT link.id FROM ${parents} CROSS JOIN LATERAL (${links}) AS link (id))`
      : Prisma.sql`EXISTS (SELECT 1 FROM ${parents} WHERE ${tie})`,
  )
  const visible = common ? Prisma.sql`${tied} UNION ALL ${ids(common)}` : tied
  // IS TRUE keeps the subquery from becoming a join, which might search it row by row.
  const isVisible = Prisma.sql`${alias}."workspaceId" = ${workspaceId}
    AND (${alias}.id IN (SELECT id FROM visible)) IS TRUE`
  return pagesOf(parents, { ...listing, where: isVisible }, page, [
    Prisma.sql`visible AS MATERIALIZED (${visible})`,
  ])
}
