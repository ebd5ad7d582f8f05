import { CsvError, parse } from 'csv-parse/sync'
import { ConfigError } from '../errors.ts'
import type { KeyOfFile } from '../modules/legacy-import/import-file.ts'

const required = ['name', 'value', 'encoding', 'owner'] as const
const optional = ['start', 'last4', 'spaceIds', 'allSpaces', 'permissions', 'level'] as const
const columns = [...required, ...optional]
type Column = (typeof columns)[number]

/** A key of a file, or what is wrong with its row. */
export interface RowOfFile {
  /** As a spreadsheet counts: the header is row 1. */
  readonly row: number
  readonly key: KeyOfFile | { readonly problem: string }
}

const maxRows = 10_000

/** Told instead of the parser's own words, which quote the row. */
const misquoted: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quotation mark is not closed by the end',
  CSV_INVALID_CLOSING_QUOTE: 'something stands between a quotation mark and the next comma',
  INVALID_OPENING_QUOTE: 'a quotation mark stands inside a value that does not begin with one',
}

interface Line {
  readonly info: { readonly lines: number }
  readonly record: readonly string[]
}

function linesOf(text: string): Line[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as Line[]
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const problem = misquoted[error.code] ?? 'this is not CSV'
    throw new ConfigError(`row ${String(error.lines)}: ${problem}; nothing was imported`)
  }
}

const isColumn = (name: string): name is Column => columns.some((column) => column === name)

/** What is wrong with a header. Without one its place is taken by a row, of which nothing is told. */
function headerProblem(header: readonly string[]): string | undefined {
  const unknown = header.findIndex((name) => !isColumn(name))
  if (unknown >= 0) return `what stands in column ${unknown + 1} is the name of none`
  const repeated = header.find((name, index) => header.indexOf(name) < index)
  if (repeated !== undefined) return `the column ${repeated} stands there twice`
  const missing = required.find((name) => !header.includes(name))
  return missing && `the column ${missing} is missing`
}

/** @throws ConfigError for a header that does not hold these columns, each once */
function headerOf(line: Line | undefined): readonly Column[] {
  const header = line?.record ?? []
  const problem = headerProblem(header)
  if (problem === undefined) return header.filter(isColumn)
  throw new ConfigError(
    `row 1: ${problem}; expected ${required.join(',')} and any of ${optional.join(',')}`,
  )
}

const encodings = ['PLAINTEXT', 'SHA256_HEX', 'SHA256_BASE64'] as const
const levels = ['workspace', 'user'] as const

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

function keyOf(cells: Readonly<Record<Column, string>>): RowOfFile['key'] {
  const { name, value, owner, start, last4, allSpaces } = cells
  const encoding = encodings.find((known) => known === cells.encoding)
  const level = levels.find((known) => known === (cells.level || 'workspace'))
  if (encoding === undefined)
    return { problem: `the encoding is not one of ${encodings.join(', ')}` }
  if (level === undefined) return { problem: `the level is not one of ${levels.join(', ')}` }
  if (!['', 'true', 'false'].includes(allSpaces))
    return { problem: 'allSpaces is neither true nor false' }
  return {
    name,
    value,
    encoding,
    owner,
    level,
    start: start || undefined,
    last4: last4 || undefined,
    allSpaces: allSpaces === 'true',
    spaceIds: words(cells.spaceIds),
    permissions: words(cells.permissions),
  }
}

const blank = Object.fromEntries(columns.map((name) => [name, ''])) as Record<Column, string>

/**
 * Reads the keys of a CSV file (RFC 4180) with a header row.
 *
 * @throws ConfigError for a file that is not one, or has more than 10,000 keys; no value is told
 */
export function readLegacyFile(text: string): RowOfFile[] {
  const [first, ...lines] = linesOf(text)
  const header = headerOf(first)
  if (lines.length > maxRows)
    throw new ConfigError(`the file has ${lines.length} keys; expected at most ${maxRows}`)
  return lines.map(({ info, record }) => {
    if (record.length !== header.length) {
      const problem = `${record.length} values; expected ${header.length}, one for each column`
      return { row: info.lines, key: { problem } }
    }
    const cells = Object.fromEntries(header.map((name, index) => [name, record[index] ?? '']))
    return { row: info.lines, key: keyOf({ ...blank, ...cells }) }
  })
}
