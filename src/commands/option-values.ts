import { instantProblem, parseInstant } from '../input/instant.ts'
import { UsageError } from './define.ts'

/** An option that is typed without a value. */
export const flag = (description: string) => ({ type: 'boolean', description }) as const

/** An option with a value, for which `value` stands in the help. */
export const valued = (value: string, description: string) =>
  ({ type: 'string', value, description }) as const

/** An option that takes several values, to be read by `list`. */
export const several = (value: string, description: string) =>
  ({ type: 'string', multiple: true, value, description }) as const

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

/** @throws UsageError for a text that is no whole number up to `max`; undefined: none was given */
export function wholeNumber(
  name: string,
  max: number,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw new UsageError(
    `${name} is ${JSON.stringify(text)}; expected a whole number from 0 to ${max}`,
  )
}

/** @throws UsageError for a text that is no instant; undefined: none was given */
export function instant(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const value = parseInstant(text)
  if (value !== undefined) return value
  throw new UsageError(`${name}: ${instantProblem(text)}`)
}

/** The values of an option that takes several, with commas between them or typed again. */
export const list = (texts: readonly string[] | undefined): string[] | undefined =>
  texts?.flatMap((text) => text.split(',')).map((text) => text.trim())
