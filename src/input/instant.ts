const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](\d{2}):(\d{2}))$/

/**
 * The instant that an RFC 3339 text names, to the millisecond, or undefined when it names none: a
 * day that the month does not have, a leap second, a year outside 1970 to 9998. JavaScript's own
 * parser would move 30 February into March, and PostgreSQL's drivers cannot read back a year 10000.
 */
export function parseInstant(text: string): Date | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const [offsetHour = 0, offsetMinute = 0] = match.slice(7, 9).map((part) => Number(part ?? 0))
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (year < 1970 || year > 9998 || month < 1 || month > 12 || day < 1 || day > daysInMonth)
    return undefined
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59)
    return undefined
  const instant = new Date(text.toUpperCase())
  const utcYear = instant.getUTCFullYear()
  return utcYear < 1970 || utcYear > 9998 ? undefined : instant
}
