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
export interface PageRequest<Place = Cursor> {
  readonly limit: number
  readonly after: Place | null
}

/** What every row of a list has: lists are newest first, with the id as tie-break. */
export interface Listed {
  readonly id: string
  readonly createdAt: Date
}

/** A row of a list that has an order of its own: by number, the highest first. */
export interface Numbered {
  readonly id: string
  readonly sequence: bigint
}

export interface Page {
  readonly nodes: readonly (Listed | Numbered)[]
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
export const encodeCursor = (row: Listed | Numbered): string =>
  Buffer.from(
    'sequence' in row ? String(row.sequence) : `${row.createdAt.getTime()}.${row.id}`,
  ).toString('base64url')

const isCursor = (text: string): boolean => /^[\w-]{1,100}$/.test(text)
const decoded = (text: string): string => Buffer.from(text, 'base64url').toString()

function decodeCursor(text: string): Cursor | undefined {
  if (!isCursor(text)) return undefined
  const [time = '', id = '', ...rest] = decoded(text).split('.')
  if (!/^\d{1,14}$/.test(time) || !isId(id) || rest.length > 0) return undefined
  return { at: new Date(Number(time)), id }
}

function decodeNumber(text: string): bigint | undefined {
  const digits = isCursor(text) ? decoded(text) : ''
  const number = /^-?\d{1,19}$/.test(digits) ? BigInt(digits) : undefined
  return number === undefined || BigInt.asIntN(64, number) !== number ? undefined : number
}

function requestOf<Place>(
  { first, after }: PageArgs,
  decode: (text: string) => Place | undefined,
): PageRequest<Place> {
  const limit = pageSize(first)
  if (after === null || after === undefined) return { limit, after: null }
  const cursor = decode(after)
  if (cursor === undefined) throw badUserInput(['after'], 'after is no cursor of this list.')
  return { limit, after: cursor }
}

/** @throws RequestError BAD_USER_INPUT for a `first` outside 1 to 100 or a cursor that is none */
export const pageRequest = (args: PageArgs): PageRequest => requestOf(args, decodeCursor)

/** The same of a list of numbered rows. */
export const numberedPageRequest = (args: PageArgs): PageRequest<bigint> =>
  requestOf(args, decodeNumber)

/** The page that begins with these rows, of which one may be too many. */
export const toPage = (rows: Page['nodes'], page: PageRequest<unknown>): Page => ({
  nodes: rows.slice(0, page.limit),
  hasNextPage: rows.length > page.limit,
  hasPreviousPage: page.after !== null,
})
