import { decodeJwt } from 'jose'

/**
 * Three parts in base64url as an encoder writes it: no padding, no other alphabet (RFC 7515, 2), no
 * bits left over in the last character (RFC 4648, 3.5). So a JWT has one spelling.
 */
const part = '(?=[^.])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?'
const shape = new RegExp(`^${part}\\.${part}\\.${part}$`)
/** Larger than any that a provider with many claims makes. */
const maxLength = 16_384

/** Whether it has the shape of a signed JWT. Nothing of it has been verified. */
export const isJwt = (text: string): boolean => text.length <= maxLength && shape.test(text)

/** The issuer that a JWT names; nothing of it has been verified. Undefined: none, or it is no JWT. */
export function unverifiedIssuer(jwt: string): string | undefined {
  try {
    return decodeJwt(jwt).iss
  } catch {
    return undefined
  }
}
