import type { Caller } from '../auth/caller.ts'
import type { Queryable } from '../auth/key-record.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { isId } from '../ids.ts'
import { type Cursor, type Listed, type Page, type PageRequest, toPage } from './page.ts'

/**
 * Whether the column holds none of the ids. A subquery is hashed under every plan, while `<> ALL` and
 * `= ANY` compare with each id in turn where the plan is a generic one.
 */
export const isNoneOf = (column: Prisma.Sql, ids: readonly string[]): Prisma.Sql =>
  Prisma.sql`${column} NOT IN (SELECT unnest(${ids}::text[]))`

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
  /** What is listed are links to these rows, with the ids and places of them; parents share them. */
  readonly rows?: Pick<NestedListing, 'from' | 'alias'>
  /** The ids of the rows that are tied to a parent, by `parentId`, where a link table has them. */
  readonly links?: Prisma.Sql
  /** Which of the rows are all parents' own beside those that are tied to one: they are read once. */
  readonly common?: Prisma.Sql
}

/** A table, which of its rows, and what is read of them. */
type Rows = Pick<NestedListing, 'from' | 'alias' | 'where'> & { readonly columns: Prisma.Sql }

/** The same of a listing. */
export type NestedRows = NestedListing & Rows

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

const placeOf = (alias: Prisma.Sql): Prisma.Sql => Prisma.sql`(${alias}."createdAt", ${alias}.id)`

const placeAt = ({ at, id }: Cursor): Prisma.Sql =>
  Prisma.sql`(${at.toISOString()}::timestamptz, ${id})`

/** The statement for a page, and one more, of rows. */
export function pageOf({ from, alias, columns, where }: Rows, page: PageRequest): Prisma.Sql {
  const behind = page.after
    ? Prisma.sql`AND ${placeOf(alias)} < ${placeAt(page.after)}`
    : Prisma.empty
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
  const comparisons = listing.isShared || listing.rows ? 1 : page.limit * spacesOf(caller) || 1
  const atOnce = Math.max(1, Math.min(mostParents, Math.floor(mostComparisons / comparisons)))
  const pages: Page[] = []
  while (pages.length < parents.length) {
    const some = parents.slice(pages.length, pages.length + atOnce)
    pages.push(...(await findPagesAtOnce(db, caller, some, listing, page)))
  }
  return pages
}

/** In one statement for all of the parents; a row that parents share is in its answer once. */
async function findPagesAtOnce(
  db: Queryable,
  caller: Caller,
  parents: readonly string[],
  listing: NestedRows,
  page: PageRequest,
): Promise<Page[]> {
  const isShared = listing.isShared || listing.rows
  const listed = await db.$queryRaw<(Listed & Place)[]>(
    isShared
      ? sharedPagesOf(parents, caller, listing, page)
      : pagesOf(parentsWithList(parents, listing), listing, page),
  )
  const byParent = Map.groupBy(listed, ({ parentId }) => parentId)
  const byId = new Map(listed.map((row) => [row.id, row]))
  const rowOf = (row: Listed & Place): Listed => ({ ...row, ...(row.rowId && byId.get(row.rowId)) })
  return parents.map((id) => toPage((byParent.get(id) ?? []).map(rowOf), page))
}

/** Those of the parents that have a list, as a table. */
const parentsWithList = (ids: readonly string[], listing: NestedListing): Prisma.Sql =>
  Prisma.sql`(SELECT id FROM unnest(${ids}::text[]) AS parent (id)
    WHERE ${listing.parents ?? Prisma.sql`TRUE`} OFFSET 0) AS parent`

const placesOf = <Listing extends NestedListing>(listing: Listing): Listing & NestedRows => ({
  ...listing,
  columns: Prisma.sql`${listing.alias}.id, ${listing.alias}."createdAt"`,
})

/** Rows of one statement that are looked at before it is checked which of them are listed. */
const mostRows = 4_096
/** Rows that are checked in one statement. */
const mostChecked = 1_000

/** The newest rows of all these parents behind a place, each once, however many parents share it. */
async function newestRows(
  db: Queryable,
  parents: readonly string[],
  listing: NestedListing,
  page: PageRequest,
): Promise<{ readonly rows: readonly Listed[]; readonly end: Cursor | undefined }> {
  const byId = new Map<string, Listed>()
  let end: Listed | undefined
  for (let start = 0; start < parents.length; start += mostParents) {
    const some = parentsWithList(parents.slice(start, start + mostParents), listing)
    const rows = await db.$queryRaw<Listed[]>`
      SELECT DISTINCT listed.id, listed."createdAt" FROM (${pagesOf(some, placesOf(listing), page)}) AS listed
       ORDER BY listed."createdAt" DESC, listed.id DESC LIMIT ${page.limit + 1}`
    for (const row of rows) byId.set(row.id, row)
    const last = rows[page.limit]
    if (last && (end === undefined || newestFirst(last, end) < 0)) end = last
  }
  // Beyond the end of some parents' rows others may be missing.
  const isWhole = (row: Listed): boolean => end === undefined || newestFirst(row, end) <= 0
  const rows = [...byId.values()].filter(isWhole).sort(newestFirst)
  return { rows, end: end && { at: end.createdAt, id: end.id } }
}

/**
 * The ids of a page, and one more, of the rows of all these parents as one list. Each row is checked
 * once: of rows that many parents share, to check each of their places would take too long.
 *
 * @param listing the rows of each parent, before they are checked
 * @param check those of the ids that are listed
 */
export async function idsOfParents(
  db: Queryable,
  parents: readonly string[],
  listing: NestedListing,
  { limit, after }: PageRequest,
  check: (ids: readonly string[]) => Promise<readonly string[]>,
): Promise<string[]> {
  const found: string[] = []
  let behind = after
  for (let most = 4 * limit; ; most = Math.min(4 * most, mostRows)) {
    const { rows, end } = await newestRows(db, parents, listing, { limit: most, after: behind })
    const ids = rows.map(({ id }) => id)
    for (let start = 0; start < ids.length && found.length <= limit; start += mostChecked) {
      const some = ids.slice(start, start + mostChecked)
      const listed = new Set(await check(some))
      found.push(...some.filter((id) => listed.has(id)))
    }
    if (found.length > limit || end === undefined) return found.slice(0, limit + 1)
    behind = end
  }
}

const newestFirst = (a: Listed, b: Listed): number =>
  b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1)

/** A row in the list of a parent. */
interface Place {
  readonly parentId: string
  /** Of a row that another parent has as well and that is read for that one; null: it is here itself. */
  readonly rowId: string | null
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
    pageOf({ ...listing, where: Prisma.sql`${where} AND ${condition}` }, page)
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

/** The same of rows that parents share, each of which is read for one of its places. */
function sharedPagesOf(
  parents: readonly string[],
  caller: Caller,
  listing: NestedRows,
  page: PageRequest,
): Prisma.Sql {
  const { from, alias } = listing.rows ?? listing
  const withList = parentsWithList(parents, listing)
  const places = placesOf(listing)
  const pages = isDear(caller, parents)
    ? pagesCheckedOnce(withList, caller, places, page)
    : pagesOf(withList, places, page)
  return Prisma.sql`SELECT place."parentId", CASE WHEN place.nth > 1 THEN place.id END AS "rowId", its.*
    FROM (SELECT listed.*, row_number() OVER (PARTITION BY listed.id) AS nth
            FROM (${pages}) AS listed) AS place
    LEFT JOIN LATERAL (SELECT ${listing.columns} FROM ${from}
      WHERE ${alias}."workspaceId" = ${caller.workspaceId} AND ${alias}.id = place.id
        AND place.nth = 1 OFFSET 0) AS its ON TRUE
   ORDER BY place."createdAt" DESC, place.id DESC`
}

/**
 * A row is compared with as many spaces as the caller is limited to: where parents share their rows,
 * the work could be the product of parents, rows and spaces.
 */
const isDear = (caller: Caller, parents: readonly string[]): boolean =>
  spacesOf(caller) * parents.length > 5_000

/** The same, with `where` worked out once for each row instead of once for each row of each parent. */
const pagesCheckedOnce = (
  parents: Prisma.Sql,
  { workspaceId }: Caller,
  listing: NestedRows,
  page: PageRequest,
): Prisma.Sql => {
  const { from, alias, where, tie, rows, links, common } = listing
  const ids = (condition: Prisma.Sql) =>
    Prisma.sql`SELECT ${alias}.id FROM ${from} WHERE ${where} AND ${condition}`
  const ofParent = Prisma.sql`SELECT ${alias}."workspaceId", ${alias}.id FROM ${from}
    WHERE ${alias}."workspaceId" = ${workspaceId} AND ${tie}`
  const tied = rows
    ? Prisma.sql`SELECT ${alias}.id FROM (
        SELECT DISTINCT its."workspaceId", its.id FROM ${parents} CROSS JOIN LATERAL (${ofParent}) AS its
        OFFSET 0) AS ${alias} WHERE ${where}`
    : ids(
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
