import type { InputProblems } from './problems.ts'
import { isStorable } from './text.ts'

const shape = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+\.[^\s@\p{Cc}]+$/u
/** RFC 5321, 4.5.3.1.3, less the angle brackets of a path. */
const maxLength = 254

/** An e-mail address, trimmed. Only mail sent to it can show that somebody reads it. */
export function emailInput(
  problems: InputProblems,
  path: readonly string[],
  value: string,
): string {
  const email = value.trim()
  if (email.length > maxLength || !shape.test(email) || !isStorable(email))
    problems.add('INVALID', path, 'This is no e-mail address.')
  return email
}
