import { decodeJwt, type JWTPayload } from 'jose'
import type { VerifiedToken } from '../../auth/access-tokens.ts'
import { isJwt, unverifiedIssuer } from '../../auth/credentials/jwt.ts'
import type { Deps } from '../../deps.ts'
import { RequestError } from '../../errors.ts'

/**
 * Which access token of this installation a text is, whomever it is for, by its signature alone:
 * whether it still lives has to be read. Undefined for anything else, and for one that is over.
 */
export async function verifiedToken(
  { accessTokens, publicUrl }: Deps,
  text: string,
): Promise<(VerifiedToken & { readonly claims: JWTPayload }) | undefined> {
  if (!isJwt(text) || unverifiedIssuer(text) !== publicUrl) return undefined
  try {
    return { ...(await accessTokens.verify(text)), claims: decodeJwt(text) }
  } catch (error) {
    if (error instanceof RequestError && error.code === 'UNAUTHENTICATED') return undefined
    throw error
  }
}
