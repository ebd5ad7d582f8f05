import { badUserInput } from '../errors.ts'
import { isId } from '../ids.ts'

/** The arguments of every connection. */
export interface PageArgs {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Where a page begins: behind this row, whether or not the row is still there. */
export interface Cursor {
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

export interface Page {
  readonly nodes: readonly Listed[]
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

/** The page that begins with these rows, of which one may be too many. */
export const toPage = (rows: readonly Listed[], page: PageRequest): Page => ({
  nodes: rows.slice(0, page.limit),
  hasNextPage: rows.length > page.limit,
  hasPreviousPage: page.after !== null,
})
