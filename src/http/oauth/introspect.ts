import type { JWTPayload } from 'jose'
import { refusalOf } from '../../auth/authenticate.ts'
import { heldBySpace, workspaceWide } from '../../auth/policy.ts'
import { findToken, type PresentedToken, tokenRightsOf } from '../../auth/token-record.ts'
import type { Deps } from '../../deps.ts'
import type { Call } from './endpoint.ts'
import { type Form, readForm } from './form.ts'
import { OAuthError, uncachedResponse } from './oauth-error.ts'
import { verifiedToken } from './verified-token.ts'
import { authenticateVerifier } from './verifier.ts'

/** A token of ours that would be let through now. */
interface LiveToken {
  readonly token: PresentedToken
  /** When it ends, in seconds; earlier than it says itself where its key ends before. */
  readonly exp: number
  readonly claims: JWTPayload
}

/** In whole seconds, as the claim of a token: for who sees nothing finer it is over then. */
const expOf = ({ tokenExpiresAt, effectiveExpiresAt: keyEnd }: PresentedToken): number =>
  Math.floor(Math.min(tokenExpiresAt.getTime(), keyEnd?.getTime() ?? Infinity) / 1_000)

/** What is asked of a token besides that it lives. */
interface Presentation {
  /** Where it was presented from. */
  readonly address: string | undefined
  /** To whom: each must be in its audience. */
  readonly resources: readonly string[]
}

async function findLiveToken(
  deps: Deps,
  workspaceId: string,
  jwt: string,
  { address, resources }: Presentation,
): Promise<LiveToken | undefined> {
  const verified = await verifiedToken(deps, jwt)
  if (verified?.workspaceId !== workspaceId) return undefined
  const { tokenId, claims } = verified
  const token = await findToken(deps.prisma, workspaceId, tokenId)
  if (token === undefined || refusalOf(token, token.now, address) !== undefined) return undefined
  const exp = expOf(token)
  const isOver = token.now.getTime() >= exp * 1_000
  const isForThem = resources.every((resource) => token.tokenAudience.includes(resource))
  return isOver || !isForThem ? undefined : { token, exp, claims }
}

/** What the token is good for now, which may be less than what its own claims say (RFC 7662, 2.2). */
function described({ token, exp, claims: { iss, iat } }: LiveToken) {
  const { id: keyId, tokenId, tokenAudience, ownerId, workspaceId } = token
  const rights = tokenRightsOf(token, token.tokenSnapshot)
  return {
    active: true,
    // An empty one is no scope at all (RFC 6749, 3.3).
    scope: workspaceWide(rights).join(' ') || undefined,
    client_id: keyId,
    sub: keyId,
    token_type: 'Bearer',
    exp,
    iat,
    iss,
    aud: tokenAudience,
    jti: tokenId,
    'latchkey:user': ownerId,
    'latchkey:workspace': workspaceId,
    'latchkey:spaces': heldBySpace(rights),
  }
}

const presentationOf = (form: Form): Presentation => ({
  address: form.get('ip'),
  resources: form.all('resource'),
})

/**
 * Tells a resource server what an access token of its workspace is good for now (RFC 7662). Of the
 * optional parameters `ip` is the address that the token came from, for its key's address rule, and
 * `resource` whom it must be for. Whatever would not be let through, or is not this workspace's, is
 * one and the same: inactive.
 */
export const introspect =
  (deps: Deps) =>
  async (call: Call): Promise<Response> => {
    const form = await readForm(call.request)
    const jwt = form.get('token')
    const { workspaceId } = await authenticateVerifier(deps, call, form)
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to look at.')
    const live = await findLiveToken(deps, workspaceId, jwt, presentationOf(form))
    return uncachedResponse(200, live === undefined ? { active: false } : described(live))
  }
