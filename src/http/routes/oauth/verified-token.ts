import { decodeJwt, type JWTPayload } from 'jose'
import type { VerifiedToken } from '../../../auth/access-tokens.ts'
import { isJwt, unverifiedIssuer } from '../../../auth/credentials/jwt.ts'
import type { Deps } from '../../../deps.ts'
import { RequestError, unauthenticated } from '../../../errors.ts'

/** A token by its signature alone, with all that it says of itself. */
export type TokenWithClaims = VerifiedToken & { readonly claims: JWTPayload }

/**
 * Which access token of this installation a text is, whomever it is for, by its signature alone:
 * whether it still lives has to be read.
 *
 * @throws RequestError UNAUTHENTICATED UNKNOWN for anything else, EXPIRED for one that is over
 */
export async function verifyToken(
  { accessTokens, publicUrl }: Deps,
  text: string,
): Promise<TokenWithClaims> {
  if (!isJwt(text) || unverifiedIssuer(text) !== publicUrl) throw unauthenticated('UNKNOWN')
  return { ...(await accessTokens.verify(text)), claims: decodeJwt(text) }
}

/** For a promise of a token: one that was not accepted is none. Whatever else failed is passed on. */
export function noneIfRefused(error: unknown): undefined {
  if (error instanceof RequestError && error.code === 'UNAUTHENTICATED') return undefined
  throw error
}
