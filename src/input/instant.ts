import { z } from 'zod'
import { shown } from './shown.ts'

/**
 * RFC 3339 and what clients send besides: no seconds (Java), an offset of hours alone (PostgreSQL) or
 * without its colon, a date alone. More than nanoseconds are refused.
 */
const instantForm =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(?:[Zz]|([+-]\d\d)(?::?(\d\d))?))?$/
const dateTime = z.iso.datetime({ offset: true })

const isYear = (year: number): boolean => year >= 1970 && year <= 9998

/**
 * The instant that a text names, to the millisecond, or undefined when it names none: a day that the
 * month does not have, a leap second, a year outside 1970 to 9998. A date alone is its start in UTC.
 * JavaScript's own parser would move 30 February into March, and PostgreSQL's drivers cannot read
 * back a year 10000.
 */
export function parseInstant(text: string): Date | undefined {
  const [, date, time = '00:00', seconds = ':00', hours, minutes = '00'] =
    instantForm.exec(text) ?? []
  const read = `${date}T${time}${seconds}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`
  if (!dateTime.safeParse(read).success) return undefined
  const instant = new Date(read)
  return isYear(Number(read.slice(0, 4))) && isYear(instant.getUTCFullYear()) ? instant : undefined
}

/** With a time zone behind it (RFC 9557), as Java writes it, as well. */
const dateLike = /^\d{4}-[\d+,.:TZtz -]{0,40}(?:\[[A-Za-z_/]{1,40}\])?$/

/** What is wrong with a value that is no instant: what was read, and an example. */
export function instantProblem(value: unknown): string {
  const read = typeof value === 'string' ? shown(value, dateLike) : JSON.stringify(value)
  return `${read} is no instant of the years 1970 to 9998; write it as 2027-01-31T23:59:59Z.`
}

/** An instant as `parseInstant` reads it. */
export const instant = z
  .string({ error: ({ input }) => instantProblem(input) })
  .transform((text, { addIssue }) => {
    const parsed = parseInstant(text)
    if (parsed === undefined) addIssue(instantProblem(text))
    return parsed ?? z.NEVER
  })
