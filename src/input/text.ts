import { z } from 'zod'
import { noting } from './read-input.ts'

/** Also what turns the direction of all that follows it: a name must not rearrange its surroundings. */
export const controls = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const controlsButLines = /(?![\n\r\t])[\p{Cc}\p{Cs}]/u
/** Nothing that shows by itself: also fillers, marks without a letter, and the blank of Braille. */
const invisible = /^[\p{Cf}\p{Zs}\p{M}\p{Default_Ignorable_Code_Point}\u2800]*$/u
/** More marks on one letter than any script has (Unicode Standard Annex 15, 13). */
const stacked = /\p{M}{31}/u
/** In characters (code points). */
export const maxNameLength = 100

/**
 * The text in NFC; with too many marks on a letter as it is, for to bring marks into their order takes
 * time in proportion to the square of their number.
 */
const normalized = (text: string): string => (stacked.test(text) ? text : text.normalize('NFC'))

/** Why text is not acceptable for storage, or undefined. Lengths are in characters (code points). */
function textProblem(text: string, max: number, forbidden: RegExp): string | undefined {
  if (forbidden.test(text)) return 'must not contain control characters or broken surrogates'
  if (stacked.test(text)) return 'must not have more than 30 marks on one letter'
  if ([...text].length > max) return `must have at most ${max} characters`
  return undefined
}

/** Trimmed text in NFC; `subject` begins the sentence that says what is wrong with it. */
const tidyText = (subject: string, problemOf: (text: string) => string | undefined) =>
  z
    .string(`${subject} must not be empty.`)
    .overwrite((text) => normalized(text.trim()))
    .check(
      noting((text, note) => {
        const problem = problemOf(text)
        if (problem !== undefined) note(`${subject} ${problem}.`)
      }),
    )

/** Text of one line, trimmed, NFC, of at most `max` characters, no control characters. */
export const line = (subject: string, max: number) =>
  tidyText(subject, (text) => textProblem(text, max, controls))

/** The same of 1 character at least, of which one at least shows. */
export const visibleLine = (subject: string, max: number) =>
  tidyText(subject, (text) =>
    invisible.test(text) ? 'must not be empty' : textProblem(text, max, controls),
  )

/** A name, of 1 to 100 characters. */
export const name = visibleLine('A name', maxNameLength)

/** In bytes of UTF-8, as file systems count. */
const maxFileNameBytes = 255

/** The name of a file alone: as a name, of 1 to 255 bytes of UTF-8, and not one that leads to another folder. */
export const fileName = tidyText("A file's name", (text) => {
  if (invisible.test(text)) return 'must not be empty'
  if (/[/\\]|^\.+$/.test(text)) return 'must not lead to a folder'
  return Buffer.byteLength(text) > maxFileNameBytes
    ? `must have at most ${maxFileNameBytes} bytes in UTF-8`
    : textProblem(text, maxFileNameBytes, controls)
})

/** A name folded for comparison: two names with the same key are the same name. */
export const nameKey = (name: string): string => normalized(name).toLowerCase()

/** Text of several lines, e.g. a description, of at most `max` characters; empty text is null. */
export const text = (max: number) =>
  tidyText('This', (value) => textProblem(value, max, controlsButLines))
    .nullable()
    .transform((value) => value || null)

/** Whether PostgreSQL can hold the text as it is: no NUL, no lone surrogate. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()
