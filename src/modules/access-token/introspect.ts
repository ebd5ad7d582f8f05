import { decodeJwt } from 'jose'
import { type Caller, verifierIdOf } from '../../auth/caller.ts'
import { rejectionReason, tokenCallerOf } from '../../auth/credential-state.ts'
import { secretDigest } from '../../auth/credentials/hash.ts'
import { isJwt, unverifiedIssuer } from '../../auth/credentials/jwt.ts'
import { heldBySpace, workspaceWide } from '../../auth/policy.ts'
import { findToken, type PresentedToken, tokenRightsOf } from '../../auth/token-record.ts'
import type { Deps } from '../../deps.ts'
import { RequestError, rateLimited, unauthenticated } from '../../errors.ts'
import { minCost } from '../../limits/operation-cost.ts'

/** In whole seconds, as the claim of a token: for who sees nothing finer it is over then. */
const expOf = ({ tokenExpiresAt, effectiveExpiresAt: keyEnd }: PresentedToken): number =>
  Math.floor(Math.min(tokenExpiresAt.getTime(), keyEnd?.getTime() ?? Infinity) / 1_000)

/**
 * The access token of the workspace that a text is, whomever it is for, by its signature alone:
 * whether it still lives has not been looked at.
 *
 * @throws RequestError UNAUTHENTICATED UNKNOWN for anything else, EXPIRED for one that is over
 */
async function findSigned(
  { accessTokens, prisma, publicUrl }: Deps,
  workspaceId: string,
  text: string,
): Promise<PresentedToken> {
  if (!isJwt(text) || unverifiedIssuer(text) !== publicUrl) throw unauthenticated('UNKNOWN')
  const verified = await accessTokens.verify(text)
  const token =
    verified.workspaceId === workspaceId
      ? await findToken(prisma, workspaceId, verified.tokenId)
      : undefined
  if (token === undefined) throw unauthenticated('UNKNOWN')
  return token
}

/** For a promise of a token: one that was not accepted is none. Whatever else failed is passed on. */
function noneIfRefused(error: unknown): undefined {
  if (error instanceof RequestError && error.code === 'UNAUTHENTICATED') return undefined
  throw error
}

/** The same, or undefined where it is none. */
export const findPresentedToken = (
  deps: Deps,
  workspaceId: string,
  text: string,
): Promise<PresentedToken | undefined> => findSigned(deps, workspaceId, text).catch(noneIfRefused)

/** What is asked of a token besides that it lives. */
export interface TokenPresentation {
  /** Where it was presented from. */
  readonly address: string | undefined
  /** To whom: each must be in its audience. */
  readonly resources: readonly string[]
}

/**
 * What an access token of the verifier's workspace is good for now, in the claims of RFC 7662, 2.2,
 * which may be less than what its own say; undefined where it would not be let through. Its key and
 * workspace are charged. What is not known counts as a failed attempt from the address that it is said
 * to come from, in this workspace; where none is given, of who asks.
 *
 * @throws RequestError RATE_LIMITED after too many attempts, or where its key is over its limit: a
 *   resource server would take inactive for the token's end
 */
export async function introspectToken(
  deps: Deps,
  verifier: Caller,
  jwt: string,
  { address, resources }: TokenPresentation,
) {
  const { workspaceId } = verifier
  const source = { address, workspaceId, verifierId: verifierIdOf(verifier) }
  const token = await deps.limits.failedAuth
    .guardSignature(source, secretDigest(jwt), () => findSigned(deps, workspaceId, jwt))
    .catch(noneIfRefused)
  if (token === undefined || rejectionReason(token, token.now, address) !== undefined)
    return undefined
  const exp = expOf(token)
  const isOver = token.now.getTime() >= exp * 1_000
  const isForThem = resources.every((resource) => token.tokenAudience.includes(resource))
  if (isOver || !isForThem) return undefined
  const charged = await deps.limits.charge(tokenCallerOf(token), minCost)
  if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
  const rights = tokenRightsOf(token, token.tokenSnapshot)
  const { iss, iat } = decodeJwt(jwt)
  return {
    active: true,
    // An empty one is no scope at all (RFC 6749, 3.3).
    scope: workspaceWide(rights).join(' ') || undefined,
    client_id: token.id,
    sub: token.id,
    token_type: 'Bearer',
    exp,
    iat,
    iss,
    aud: token.tokenAudience,
    jti: token.tokenId,
    'latchkey:user': token.ownerId,
    'latchkey:workspace': token.workspaceId,
    'latchkey:spaces': heldBySpace(rights),
  }
}
