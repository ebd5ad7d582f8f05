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

/** The columns of a listed table but those that may be long. */
export const columnsWithout = <Name extends string>(
  alias: string,
  names: Readonly<Record<Name, string>>,
  long: readonly NoInfer<Name>[],
): Prisma.Sql =>
  Prisma.raw(
    (Object.keys(names) as Name[])
      .filter((name) => !long.includes(name))
      .map((name) => `${alias}."${name}"`)
      .join(', '),
  )

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

const toPage = <Row extends Listed>(rows: readonly Row[], page: PageRequest): Page<Row> => ({
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

/**
 * The same page of each parent's own list, in one statement for all of them. The listing's `where`
 * ties a child to its parent by `parentId`.
 */
export async function findPages<Row extends Listed>(
  db: Queryable,
  parents: readonly string[],
  listing: Listing,
  page: PageRequest,
): Promise<Page<Row>[]> {
  const rows = await db.$queryRaw<(Row & { parentId: string })[]>`
    SELECT ${parentId} AS "parentId", child.*
      FROM unnest(${parents}::text[]) AS parent (id)
     CROSS JOIN LATERAL (${statement(listing, page)}) child
     ORDER BY child."createdAt" DESC, child.id DESC`
  const byParent = Map.groupBy(rows, (row) => row.parentId)
  return parents.map((id) => toPage(byParent.get(id) ?? [], page))
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
