import { covers } from '../auth/permissions.ts'
import { badUserInput } from '../errors.ts'
import { parseInstant } from '../input/instant.ts'
import { isStorable } from '../input/text.ts'

const maxSearchLength = 100

/** @throws RequestError BAD_USER_INPUT for search text that is too long or cannot be stored at all */
export function searchInput(search: string | null | undefined): string | null {
  if (search === null || search === undefined) return null
  if (search.length > maxSearchLength || !isStorable(search))
    throw badUserInput(['filter', 'search'], `search has at most ${maxSearchLength} characters.`)
  return search.normalize('NFC')
}

/** @throws RequestError BAD_USER_INPUT for what is no instant */
export function instantInput(field: string, value: string | null | undefined): Date | undefined {
  if (value === null || value === undefined) return undefined
  const instant = parseInstant(value)
  if (instant === undefined)
    throw badUserInput(['filter', field], `${field} is no RFC 3339 instant of 1970 to 9998.`)
  return instant
}

/** @throws RequestError BAD_USER_INPUT for what is no permission and no alias */
export function permissionInput(name: string | null | undefined): string | null {
  if (name === null || name === undefined) return null
  if (covers(name).length === 0)
    throw badUserInput(['filter', 'permission'], 'There is no such permission.')
  return name
}
