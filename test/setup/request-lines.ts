/** What was logged of requests, a line each, the newest last. */
export const requestLines = (logs: readonly string[]): Record<string, unknown>[] =>
  logs.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request')

/** All that was logged besides. */
export const otherLines = (logs: readonly string[]): string[] =>
  logs.filter((line) => JSON.parse(line).msg !== 'request')

/** The last line of a request. */
export const lastLine = (logs: readonly string[]): Record<string, unknown> =>
  requestLines(logs).at(-1) ?? {}
