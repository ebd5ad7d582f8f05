/** A legacy secret has 16 characters at least, none of them blank. */
const harmless = /^[ -~]{0,15}$/

/**
 * A text as an error shows it, in quotes: what was read helps who mistyped it. What is as long as a
 * secret may be one in the wrong field, and is left out, unless it has a form that no secret has.
 */
export const shown = (text: string, form: RegExp = harmless): string =>
  harmless.test(text) || form.test(text) ? JSON.stringify(text) : '"[…]"'

/**
 * Whether a text is several of what was to be one, in any way in which lists are written. Each is known,
 * so that it can be shown.
 */
export function isSeveral(text: string, isOne: (part: string) => boolean): boolean {
  if (text.length > 1_000) return false
  const parts = text.split(/[\s,;|+"'[\]]/).filter((part) => part !== '')
  return parts.length > 1 && parts.every(isOne)
}
