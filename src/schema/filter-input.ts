import type { z } from 'zod'
import { covers } from '../auth/permissions.ts'
import { badUserInput } from '../errors.ts'
import { instantProblem, parseInstant } from '../input/instant.ts'
import { permissionProblem } from '../input/permission-list.ts'
import { isStorable } from '../input/text.ts'

const maxTextLength = 100

/** @throws RequestError BAD_USER_INPUT for text that is too long or cannot be stored at all */
export function textInput(field: string, text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  if (text.length > maxTextLength || !isStorable(text))
    throw badUserInput(['filter', field], `${field} has at most ${maxTextLength} characters.`)
  return text.normalize('NFC')
}

/** Part of a name; as `textInput`. */
export const searchInput = (search: string | null | undefined): string | null =>
  textInput('search', search)

/** @throws RequestError BAD_USER_INPUT for what is no instant */
export function instantInput(field: string, value: string | null | undefined): Date | undefined {
  if (value === null || value === undefined) return undefined
  const instant = parseInstant(value)
  if (instant === undefined)
    throw badUserInput(['filter', field], `${field}: ${instantProblem(value)}`)
  return instant
}

/** @throws RequestError BAD_USER_INPUT for what is no permission and no alias */
export function permissionInput(name: string | null | undefined): string | null {
  if (name === null || name === undefined) return null
  if (covers(name).length === 0)
    throw badUserInput(['filter', 'permission'], permissionProblem(name))
  return name
}

/**
 * A value of a filter, read by its schema.
 *
 * @throws RequestError BAD_USER_INPUT for what the schema does not accept
 */
export function checkedInput<Schema extends z.ZodType>(
  field: string,
  schema: Schema,
  value: z.input<Schema> | null | undefined,
): z.output<Schema> | null {
  if (value === null || value === undefined) return null
  const { data, error } = schema.safeParse(value)
  const [issue] = error?.issues ?? []
  if (issue !== undefined)
    throw badUserInput(['filter', field, ...issue.path.map(String)], issue.message)
  return data as z.output<Schema>
}
