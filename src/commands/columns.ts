/** Rows with their cells one below the other. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    })
  const lineOf = (row: readonly string[]): string =>
    row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')
  return rows.map((row) => lineOf(row).trimEnd()).join('\n')
}

/** An instant to the second; never: a dash. */
export const shownInstant = (instant: Date | null | undefined): string =>
  instant ? instant.toISOString().replace(/\.\d+Z$/, 'Z') : '-'
