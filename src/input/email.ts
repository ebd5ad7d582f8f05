import { z } from 'zod'
import { shown } from './shown.ts'
import { controls } from './text.ts'

const shape = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u
/** RFC 5321, 4.5.3.1.3, less the angle brackets of a path. */
const maxLength = 254

/**
 * An address folded for comparison: two with the same key are the same. A capital is folded
 * only to a small letter whose capital it is: that of the Kelvin sign is K, another's mailbox.
 */
export const emailKey = (email: string): string =>
  Array.from(email, (letter) => {
    const small = letter.toLowerCase()
    return small.toUpperCase() === letter ? small : letter
  }).join('')

/** Whether the part behind the @ has a dot that is neither its first nor its last character. */
const hasDomain = (text: string): boolean => text.slice(text.indexOf('@') + 2, -1).includes('.')

/** Whether a text is an e-mail address as it stands, without anything around it. */
export const isEmail = (text: string): boolean =>
  text.length <= maxLength && shape.test(text) && hasDomain(text) && !controls.test(text)

/** An e-mail address, trimmed. Only mail sent to it can show that somebody reads it. */
export const email = z
  .string()
  .trim()
  .refine(isEmail, {
    error: ({ input }) => `${shown(String(input))} is no e-mail address.`,
  })
