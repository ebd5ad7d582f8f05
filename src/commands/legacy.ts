import { RequestError } from '../errors.ts'
import { importFile } from '../modules/legacy-import/import-file.ts'
import type { OperatorImport } from '../modules/legacy-import/import-keys.ts'
import { revokeUserLevelKey } from '../modules/legacy-import/revoke-everywhere.ts'
import { defineCommand, PartialFailure } from './define.ts'
import { type RowOfFile, readLegacyFile } from './legacy-file.ts'
import { workspaceOption } from './operator-context.ts'
import { flag } from './option-values.ts'

/** A message without what it quotes of the row: a secret may stand in a wrong column. Names of permissions stay. */
const unquoted = (message: string): string =>
  message.replace(/"[^"]*"/g, (text) =>
    /^"[a-z*]{1,30}:[a-z*]{1,30}"$/.test(text) ? text : '"[…]"',
  )

/** What is wrong with one row, a line each. */
function problemsOf({ row, key }: RowOfFile, result: OperatorImport | undefined): string[] {
  if ('problem' in key) return [`row ${row}: ${key.problem}`]
  return (result?.errors ?? []).map(({ code, path, message }) => {
    const place = [`row ${row}`, ...(path?.length ? [path.join('.')] : [])].join(', ')
    return `${place}: ${unquoted(message)} (${code})`
  })
}

const keys = (count: number): string => (count === 1 ? 'one key' : `${count} keys`)

/** Row numbers in ascending order, those that follow each other as ranges. */
function rowsText(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const number of numbers) {
    const range = ranges.at(-1)
    if (range?.[1] === number - 1) range[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ')
}

/** What an import that failed has left undone. No text of a database is shown, for it may quote a row. */
function failureLine(failure: unknown, undone: readonly RowOfFile[]): string {
  const why =
    failure instanceof RequestError ? failure.message : 'The database failed; see the log.'
  return `Not imported: rows ${rowsText(undone.map(({ row }) => row))}. ${why} What was imported stays as it is when the file is imported again.`
}

/** `latchkey legacy import`. Where a row has a problem it ends with an error, the others imported. */
const legacyImport = defineCommand({
  words: 'legacy import',
  parameters: ['file.csv'],
  options: {
    ...workspaceOption,
    'dry-run': flag('check everything, store nothing'),
    'ignore-unknown': flag('leave out columns of other names'),
  },
  file: 'file.csv',
  description: 'import keys issued elsewhere, of a CSV file',
  example: 'legacy import keys.csv --workspace main --dry-run',
  read(_given, { workspace, 'dry-run': dryRun = false, 'ignore-unknown': ignored }, text) {
    const rows = readLegacyFile(text, ignored)
    const read = rows.flatMap(({ key }) => ('problem' in key ? [] : [key]))
    return async (deps) => {
      const { results, failure } = await importFile(deps, read, { workspace, dryRun })
      const byKey = new Map<RowOfFile['key'], OperatorImport | undefined>(
        read.map((key, index) => [key, results[index]]),
      )
      const problems = rows.map((row) => problemsOf(row, byKey.get(row.key)))
      const refused = problems.filter((its) => its.length > 0).length
      const known = results.filter((result) => result?.isKnown).length
      const undone = rows.filter(({ key }) => !('problem' in key) && byKey.get(key) === undefined)
      const made = rows.length - refused - known - undone.length
      const summary = `${keys(made)} ${dryRun ? 'would be' : made === 1 ? 'was' : 'were'} imported, ${known} known already, ${refused} refused.`
      if (failure !== undefined) deps.logger.error({ err: failure }, 'an import of keys failed')
      const failed = failure === undefined ? [] : [failureLine(failure, undone)]
      const left = [...failed, ...problems.flat()]
      const json = { imported: made, known, refused, problems: left }
      if (left.length > 0) throw new PartialFailure([summary, ...left].join('\n'), json)
      return { text: summary, json }
    }
  },
})

/** `latchkey legacy revoke`. */
const legacyRevoke = defineCommand({
  words: 'legacy revoke',
  parameters: ['key id'],
  description: "end a person's legacy key in every workspace of theirs",
  example: 'legacy revoke key_…',
  read:
    ({ 'key id': id }) =>
    async (deps) => {
      const count = await revokeUserLevelKey(deps, id)
      return {
        text:
          count > 0
            ? `The key ${id} is revoked, in ${count === 1 ? 'one workspace' : `${count} workspaces`}.`
            : `Nothing was changed: the key ${id} was revoked before.`,
        json: { id, workspaceCount: count },
      }
    },
})

export const legacyCommands = [legacyImport, legacyRevoke]
