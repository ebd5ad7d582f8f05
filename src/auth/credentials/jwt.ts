import { decodeJwt } from 'jose'

/** Three parts in base64url, strictly: no padding, no other alphabet (RFC 7515, 2). */
const shape = /^[\w-]+\.[\w-]+\.[\w-]+$/
/**
 * The ends of parts as an encoder writes them, by the length beyond whole fours: with no bits left
 * over (RFC 4648, 3.5), so that a JWT has one spelling.
 */
const ends = [/./, /(?!)/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/]
/** Larger than any that a provider with many claims makes. */
const maxLength = 16_384

/** Whether it has the shape of a signed JWT. Nothing of it has been verified. */
export const isJwt = (text: string): boolean =>
  text.length <= maxLength &&
  shape.test(text) &&
  text.split('.').every((part) => ends[part.length % 4]?.test(part))

/** The issuer that a JWT names; nothing of it has been verified. Undefined: none, or it is no JWT. */
export function unverifiedIssuer(jwt: string): string | undefined {
  try {
    return decodeJwt(jwt).iss
  } catch {
    return undefined
  }
}

/**
 * Whether it looks like a JWT, be it signed or encrypted, whole or damaged: three or five parts, the
 * first of which is the JSON of a header.
 */
export function resemblesJwt(text: string): boolean {
  const [header = '', ...rest] = text.split('.', 6)
  if (rest.length !== 2 && rest.length !== 4) return false
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString())
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
