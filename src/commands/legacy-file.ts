import { CsvError, parse } from 'csv-parse/sync'
import { ConfigError } from '../errors.ts'
import { type KeyOfFile, keyOfFile } from '../modules/legacy-import/import-file.ts'

const columns = Object.keys(keyOfFile.shape)
const { error: missing } = keyOfFile.safeParse({})
const required = columns.filter((name) => missing?.issues.some(({ path }) => path[0] === name))
const optional = columns.filter((name) => !required.includes(name))

/** A row of a file: a key, or what is wrong with it. */
export interface RowOfFile {
  /** As a spreadsheet counts: the header is row 1. */
  readonly row: number
  readonly key: KeyOfFile | { readonly problem: string }
}

const maxRows = 10_000

/** Instead of the parser's own messages, which quote the row. */
const misquoted: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quotation mark is not closed by the end',
  CSV_INVALID_CLOSING_QUOTE: 'something stands between a quotation mark and the end of the value',
  INVALID_OPENING_QUOTE: 'a quotation mark stands inside a value that does not begin with one',
}

interface Line {
  readonly info: { readonly lines: number }
  readonly record: readonly string[]
}

/** What stands between the values of a line: spreadsheets write one or the other. */
const delimiters = [',', ';', '\t']

/** The one that the header has most of; a comma where it has none. */
function delimiterOf(text: string): string {
  const [header = ''] = text.trimStart().split(/[\r\n]/, 1)
  const count = (delimiter: string): number => header.split(delimiter).length
  return delimiters.reduce((most, other) => (count(other) > count(most) ? other : most))
}

function linesOf(text: string): Line[] {
  try {
    return parse(text, {
      bom: true,
      delimiter: delimiterOf(text),
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

/** The names of the columns by how they are compared: `space_ids` and `SpaceIDs` are `spaceIds`. */
const plainName = (name: string): string => name.toLowerCase().replace(/[_ -]/g, '')
const byPlainName = new Map(columns.map((name) => [plainName(name), name]))

/** A column of the file: one that is known, or another, by its name. */
type Column = { readonly name: string } | { readonly unknown: string }

const columnOf = (text: string): Column => {
  const name = byPlainName.get(plainName(text))
  return name === undefined ? { unknown: text } : { name }
}

/**
 * What is wrong with a header. A name that is not known is shown where the rest is a header and it has
 * the form of one: else it may be the first key, or a part of it.
 */
function headerProblem(header: readonly Column[], ignoresUnknown: boolean): string | undefined {
  const names = header.flatMap((column) => ('name' in column ? [column.name] : []))
  const absent = required.find((name) => !names.includes(name))
  if (absent !== undefined) return `the column ${absent} is missing`
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  if (repeated !== undefined) return `the column ${repeated} stands there twice`
  const shownOf = (name: string, index: number): string =>
    /^[A-Za-z][A-Za-z _-]{0,30}$/.test(name) ? JSON.stringify(name) : `column ${index + 1}`
  const unknown = header.flatMap((column, index) =>
    'unknown' in column ? [shownOf(column.unknown, index)] : [],
  )
  if (unknown.length === 0 || ignoresUnknown) return undefined
  const shown = unknown.join(', ')
  return `${shown}: no column of that name is read; leave it out, or pass --ignore-unknown`
}

/**
 * Reads the keys of a CSV file (RFC 4180) with a header row. Commas, semicolons or tabs divide the
 * values; names of columns are compared without case, blanks, `_` and `-`.
 *
 * @param ignoresUnknown whether columns of other names are left out
 * @throws ConfigError for a file that is none, or has more than 10,000 keys; it quotes no value
 */
export function readLegacyFile(text: string, ignoresUnknown = false): RowOfFile[] {
  const [first, ...lines] = linesOf(text)
  const header = (first?.record ?? []).map(columnOf)
  const problem = headerProblem(header, ignoresUnknown)
  if (problem !== undefined)
    throw new ConfigError(
      `row 1: ${problem}; expected ${required.join(',')} and any of ${optional.join(',')}`,
    )
  if (lines.length > maxRows)
    throw new ConfigError(`the file has ${lines.length} keys; expected at most ${maxRows}`)
  return lines.map(({ info: { lines: row }, record }) => {
    if (record.length !== header.length) {
      const expected = `expected ${header.length}, one for each column`
      return { row, key: { problem: `${record.length} values; ${expected}` } }
    }
    const cells = Object.fromEntries(
      header.flatMap((column, index) => ('name' in column ? [[column.name, record[index]]] : [])),
    )
    const { data, error } = keyOfFile.safeParse(cells)
    const problem = error?.issues.map(({ message }) => message).join('; ') ?? ''
    return { row, key: data ?? { problem } }
  })
}
