import { z } from 'zod'

/** Seconds are no choice in RFC 3339; more than nanoseconds are nobody's. */
const hasSeconds = /^.{11}\d\d:\d\d:\d\d(?:\.\d{1,9})?[Z+-]/
const dateTime = z.iso.datetime({ offset: true })

const isYear = (year: number): boolean => year >= 1970 && year <= 9998

/**
 * The instant that an RFC 3339 text names, to the millisecond, or undefined when it names none: a
 * day that the month does not have, a leap second, a year outside 1970 to 9998. JavaScript's own
 * parser would move 30 February into March, and PostgreSQL's drivers cannot read back a year 10000.
 */
export function parseInstant(text: string): Date | undefined {
  const upper = text.toUpperCase()
  if (!hasSeconds.test(upper) || !dateTime.safeParse(upper).success) return undefined
  const instant = new Date(upper)
  return isYear(Number(text.slice(0, 4))) && isYear(instant.getUTCFullYear()) ? instant : undefined
}

/** An instant in RFC 3339; `problem` says what anything else is not, null included. */
export const instant = (problem: string) =>
  z.string(problem).transform((text, { addIssue }) => {
    const parsed = parseInstant(text)
    if (parsed === undefined) addIssue(problem)
    return parsed ?? z.NEVER
  })
