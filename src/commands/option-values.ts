import { instantProblem, parseInstant } from '../input/instant.ts'
import { UsageError } from './define.ts'

/** @throws UsageError unless it is one of the values, in any case */
export function oneOf<const Value extends string>(
  name: string,
  values: readonly Value[],
  text: string,
): Value {
  const value = values.find((it) => it.toLowerCase() === text.toLowerCase())
  if (value !== undefined) return value
  throw new UsageError(`${name} is ${JSON.stringify(text)}; expected one of ${values.join(', ')}`)
}

/** @throws UsageError for a text that is no whole number up to `max` */
export function wholeNumber(name: string, max: number, text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw new UsageError(
    `${name} is ${JSON.stringify(text)}; expected a whole number from 0 to ${max}`,
  )
}

/** @throws UsageError for a text that is no instant */
export function instant(name: string, text: string): Date {
  const value = parseInstant(text)
  if (value !== undefined) return value
  throw new UsageError(`${name}: ${instantProblem(text)}`)
}

/** Reads an option where it is given. */
export const ifGiven = <T>(text: string | undefined, read: (text: string) => T): T | undefined =>
  text === undefined ? undefined : read(text)

/** The values of an option that takes several, with commas between them or typed again. */
export const list = (texts: readonly string[] | undefined): string[] | undefined =>
  texts?.flatMap((text) => text.split(',')).map((text) => text.trim())
