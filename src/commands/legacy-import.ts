import { type ImportedOfFile, importFile } from '../modules/api-key/import-file.ts'
import { defineCommand } from './define.ts'
import { type RowOfFile, readLegacyFile } from './legacy-file.ts'

/** A message without what it quotes of the row: a secret may stand in a wrong column. Names of permissions stay. */
const unquoted = (message: string): string =>
  message.replace(/"[^"]*"/g, (text) => (/^"[a-z:*]{1,40}"$/.test(text) ? text : '"[…]"'))

/** What is wrong with one row, a line each. */
function problemsOf({ row, key }: RowOfFile, result: ImportedOfFile | undefined): string[] {
  if ('problem' in key) return [`row ${row}: ${key.problem}`]
  return (result?.errors ?? []).map(({ code, path, message }) => {
    const place = [`row ${row}`, ...(path?.length ? [path.join('.')] : [])].join(', ')
    return `${place}: ${unquoted(message)} (${code})`
  })
}

const keys = (count: number): string => (count === 1 ? 'one key' : `${count} keys`)

/** `latchkey legacy import`. Where a row has a problem it ends with an error, the others imported. */
export const legacyImport = defineCommand({
  words: 'legacy import',
  parameters: ['file.csv'],
  options: { workspace: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  file: 'file.csv',
  description: 'keys issued elsewhere, of a file [--workspace SLUG] [--dry-run]',
  read(_given, { workspace, 'dry-run': dryRun = false }, text) {
    const rows = readLegacyFile(text)
    const read = rows.flatMap(({ key }) => ('problem' in key ? [] : [key]))
    return async (deps) => {
      const results = await importFile(deps, read, { workspace, dryRun })
      const byKey = new Map<RowOfFile['key'], ImportedOfFile | undefined>(
        read.map((key, index) => [key, results[index]]),
      )
      const problems = rows.map((row) => problemsOf(row, byKey.get(row.key)))
      const refused = problems.filter((its) => its.length > 0).length
      const known = results.filter(({ isKnown }) => isKnown).length
      const made = rows.length - refused - known
      const summary = `${keys(made)} ${dryRun ? 'would be' : made === 1 ? 'was' : 'were'} imported, ${known} known already, ${refused} refused.`
      if (refused > 0) throw new Error([summary, ...problems.flat()].join('\n'))
      return summary
    }
  },
})
