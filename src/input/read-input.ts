import type { z } from 'zod'
import { ValidationErrors } from './problems.ts'

/** An input as GraphQL gives it: a field that may be left out may be null as well. */
export type Given<Schema extends z.ZodType> = {
  readonly [Field in keyof z.input<Schema>]: object extends Pick<z.input<Schema>, Field>
    ? z.input<Schema>[Field] | null | undefined
    : z.input<Schema>[Field]
}

/** A check that notes what is wrong with a value, or with what lies at `path` inside it. */
export const noting =
  <Value>(check: (value: Value, note: (message: string, ...path: PropertyKey[]) => void) => void) =>
  ({ value, issues }: z.core.ParsePayload<Value>): void =>
    check(value, (message, ...path) => {
      issues.push({ code: 'custom', message, path, input: value })
    })

/**
 * Reads a value by its schema and notes every problem with it; `path` leads to the value inside the
 * mutation's `input`. With a problem the value is returned as it was given: good for finding further
 * problems, and for nothing else.
 */
export function validateInput<Schema extends z.ZodType>(
  problems: ValidationErrors,
  schema: Schema,
  value: unknown,
  path: readonly (string | number)[] = [],
): z.output<Schema> {
  const { data, error } = schema.safeParse(value)
  if (error === undefined) return data
  for (const issue of error.issues)
    problems.add('INVALID', [...path, ...issue.path.map(String)], issue.message)
  return value as z.output<Schema>
}

/**
 * A mutation's input, read by its schema.
 *
 * @throws UserInputError with every problem, in the order of the schema's fields
 */
export function readInput<Schema extends z.ZodType>(
  schema: Schema,
  input: Given<Schema>,
): z.output<Schema> {
  const problems = new ValidationErrors()
  const read = validateInput(problems, schema, input)
  problems.throwIfAny()
  return read
}
