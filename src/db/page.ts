import type { Caller } from '../auth/caller.ts'
import type { Queryable } from '../auth/key-record.ts'
import { badUserInput } from '../errors.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { isId } from '../ids.ts'

/** The arguments of every connection. */
export interface PageArgs {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Where a page begins: behind this row, whether or not the row is still there. */
interface Cursor {
  readonly at: Date
  readonly id: string
}

/** How much of a list to give, from where. */
export interface PageRequest {
  readonly limit: number
  readonly after: Cursor | null
}

/** What every row of a list has: lists are newest first, with the id as tie-break. */
export interface Listed {
  readonly id: string
  readonly createdAt: Date
}

export interface Page<Row extends Listed> {
  readonly nodes: readonly Row[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
}

/** How many rows a page has by default. */
export const defaultPageSize = 20

const maxPageSize = 100

/**
 * How many rows a page has.
 * @throws RequestError BAD_USER_INPUT for a `first` outside 1 to 100
 */
export function pageSize(first: number | null | undefined): number {
  const size = first ?? defaultPageSize
  if (size < 1 || size > maxPageSize)
    throw badUserInput(['first'], `first must be between 1 and ${maxPageSize}.`)
  return size
}

/**
 * A position in a list. It holds the place itself, not a row to look up: a row of another workspace
 * and a row that never was give the same page.
 */
export const encodeCursor = ({ createdAt, id }: Listed): string =>
  Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')

function decodeCursor(text: string): Cursor | undefined {
  if (!/^[\w-]{1,100}$/.test(text)) return undefined
  const [time = '', id = '', ...rest] = Buffer.from(text, 'base64url').toString().split('.')
  if (!/^\d{1,14}$/.test(time) || !isId(id) || rest.length > 0) return undefined
  return { at: new Date(Number(time)), id }
}

/** @throws RequestError BAD_USER_INPUT for a `first` outside 1 to 100 or a cursor that is none */
export function pageRequest({ first, after }: PageArgs): PageRequest {
  const limit = pageSize(first)
  if (after === null || after === undefined) return { limit, after: null }
  const cursor = decodeCursor(after)
  if (cursor === undefined) throw badUserInput(['after'], 'after is no cursor of this list.')
  return { limit, after: cursor }
}

/** Rows to list: a FROM with the listed table under `alias`, and which of its rows. */
export interface Listing {
  readonly from: Prisma.Sql
  readonly alias: Prisma.Sql
  /** What of a row is read; all of the listed table's columns by default. */
  readonly columns?: Prisma.Sql
  readonly where: Prisma.Sql
}

function statement({ from, alias, columns, where }: Listing, page: PageRequest): Prisma.Sql {
  const behind =
    page.after === null
      ? Prisma.empty
      : Prisma.sql`AND (${alias}."createdAt", ${alias}.id) < (${page.after.at.toISOString()}::timestamptz, ${page.after.id})`
  return Prisma.sql`SELECT ${columns ?? Prisma.sql`${alias}.*`} FROM ${from} WHERE ${where} ${behind}
    ORDER BY ${alias}."createdAt" DESC, ${alias}.id DESC LIMIT ${page.limit + 1}`
}

/** The page that begins with these rows, of which one may be too many. */
export const toPage = <Row extends Listed>(rows: readonly Row[], page: PageRequest): Page<Row> => ({
  nodes: rows.slice(0, page.limit),
  hasNextPage: rows.length > page.limit,
  hasPreviousPage: page.after !== null,
})

/** One page of a list, in one statement. */
export async function findPage<Row extends Listed>(
  db: Queryable,
  listing: Listing,
  page: PageRequest,
): Promise<Page<Row>> {
  return toPage(await db.$queryRaw<Row[]>(statement(listing, page)), page)
}

/** The id of the parent that a listing of children is asked for, inside `findPages`. */
export const parentId = Prisma.sql`parent.id`

/** Rows that many parents have lists of. */
export interface NestedListing extends Listing {
  /** Which of the rows are the parent's own, by `parentId`. `where` holds for all parents. */
  readonly tie: Prisma.Sql
  /** Which of the parents have a list at all, by `parentId`; each by default. */
  readonly parents?: Prisma.Sql
  /** A row can be several parents' own. */
  readonly isShared?: true
}

/** Of one statement: the embedded database works on the thread that answers everybody. */
const mostParents = 250
/** Spaces that the rows of one statement are compared with, where each row is one parent's own. */
const mostComparisons = 250_000

/** How many spaces the caller is limited to, each of which a row is compared with; none: to no list. */
const spacesOf = ({ rights }: Caller): number => (rights.allSpaces ? 0 : rights.spaces.size)

/** The same page of each parent's own list, of as many parents at once as take a short time. */
export async function findPages<Row extends Listed>(
  db: Queryable,
  caller: Caller,
  parents: readonly string[],
  listing: NestedListing,
  page: PageRequest,
): Promise<Page<Row>[]> {
  const comparisons = listing.isShared ? 1 : page.limit * spacesOf(caller) || 1
  const atOnce = Math.max(1, Math.min(mostParents, Math.floor(mostComparisons / comparisons)))
  const pages: Page<Row>[] = []
  while (pages.length < parents.length) {
    const some = parents.slice(pages.length, pages.length + atOnce)
    pages.push(...(await findPagesAtOnce<Row>(db, caller, some, listing, page)))
  }
  return pages
}

/** In one statement for all of the parents. Rows that parents share are read once, in a second one. */
async function findPagesAtOnce<Row extends Listed>(
  db: Queryable,
  caller: Caller,
  parents: readonly string[],
  listing: NestedListing,
  page: PageRequest,
): Promise<Page<Row>[]> {
  const { alias, where, tie } = listing
  const withList = Prisma.sql`(SELECT id FROM unnest(${parents}::text[]) AS parent (id)
    WHERE ${listing.parents ?? Prisma.sql`TRUE`} OFFSET 0) AS parent`
  const ownRows = { ...listing, where: Prisma.sql`${where} AND ${tie}` }
  if (!listing.isShared) {
    const rows = await db.$queryRaw<(Row & OfParent)[]>(pagesOf(withList, ownRows, page))
    const byParent = Map.groupBy(rows, (row) => row.parentId)
    return parents.map((id) => toPage(byParent.get(id) ?? [], page))
  }
  const columns = Prisma.sql`${alias}.id, ${alias}."createdAt"`
  const links = await db.$queryRaw<(Listed & OfParent)[]>(
    isDear(caller, parents)
      ? pagesOfJudgedOnce(withList, caller, { ...listing, columns }, page)
      : pagesOf(withList, { ...ownRows, columns }, page),
  )
  const ids = [...new Set(links.map(({ id }) => id))]
  const rows = new Map((await findByIds<Row>(db, listing, ids)).map((row) => [row?.id, row]))
  const byParent = Map.groupBy(links, (link) => link.parentId)
  return parents.map((parent) => {
    const its = byParent.get(parent) ?? []
    const present = its.flatMap(({ id }) => {
      const row = rows.get(id)
      return row ? [{ ...row }] : []
    })
    // What went out of sight between the statements is missing; what follows the page is not.
    return { ...toPage(present, page), hasNextPage: its.length > page.limit }
  })
}

interface OfParent {
  readonly parentId: string
}

/** The pages of all parents as one list, newest first. */
const pagesOf = (parents: Prisma.Sql, listing: Listing, page: PageRequest): Prisma.Sql =>
  Prisma.sql`SELECT ${parentId} AS "parentId", child.*
    FROM ${parents} CROSS JOIN LATERAL (${statement(listing, page)}) child
   ORDER BY child."createdAt" DESC, child.id DESC`

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
  listing: NestedListing,
  page: PageRequest,
): Prisma.Sql => {
  const { from, alias, where, tie } = listing
  // IS TRUE keeps the subquery from becoming a join, which might search it row by row.
  const own = Prisma.sql`${alias}."workspaceId" = ${workspaceId}
    AND (${alias}.id IN (SELECT id FROM visible)) IS TRUE AND ${tie}`
  return Prisma.sql`WITH visible AS MATERIALIZED (SELECT ${alias}.id FROM ${from}
      WHERE ${where} AND EXISTS (SELECT 1 FROM ${parents} WHERE ${tie}))
    ${pagesOf(parents, { ...listing, where: own }, page)}`
}

/** The row of that id among those of the listing, or null. What has no id's shape is not looked up. */
export async function findOne<Row extends Listed>(
  db: Queryable,
  { from, alias, columns, where }: Listing,
  id: string,
): Promise<Row | null> {
  if (!isId(id)) return null
  const [row] = await db.$queryRaw<Row[]>`
    SELECT ${columns ?? Prisma.sql`${alias}.*`} FROM ${from} WHERE ${where} AND ${alias}.id = ${id}`
  return row ?? null
}

/** The rows of these ids among those of the listing, each or null, in the order of the ids. */
export async function findByIds<Row extends Listed>(
  db: Queryable,
  { from, alias, columns, where }: Listing,
  ids: readonly string[],
): Promise<(Row | null)[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${columns ?? Prisma.sql`${alias}.*`} FROM ${from}
     WHERE ${where} AND ${alias}.id = ANY(${ids}::text[])`
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => byId.get(id) ?? null)
}
