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
