import type { JWTPayload } from 'jose'
import { refusalOf, tokenCallerOf } from '../../../auth/authenticate.ts'
import { type Caller, verifierIdOf } from '../../../auth/caller.ts'
import { secretDigest } from '../../../auth/credentials/hash.ts'
import { heldBySpace, workspaceWide } from '../../../auth/policy.ts'
import { findToken, type PresentedToken, tokenRightsOf } from '../../../auth/token-record.ts'
import type { Deps } from '../../../deps.ts'
import { rateLimited, unauthenticated } from '../../../errors.ts'
import { plainAddress } from '../../../input/addresses.ts'
import { leastCost } from '../../../limits/operation-cost.ts'
import type { Reply } from '../route.ts'
import type { Call } from './endpoint.ts'
import { type Form, readForm } from './form.ts'
import { OAuthError, uncachedReply } from './oauth-error.ts'
import { noneIfRefused, verifyToken } from './verified-token.ts'
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

/** @throws RequestError UNAUTHENTICATED for what is no token of the workspace, or one that is over */
async function findKnownToken(deps: Deps, workspaceId: string, jwt: string) {
  const { tokenId, claims, ...verified } = await verifyToken(deps, jwt)
  const token =
    verified.workspaceId === workspaceId
      ? await findToken(deps.prisma, workspaceId, tokenId)
      : undefined
  if (token === undefined) throw unauthenticated('UNKNOWN')
  return { token, claims }
}

/**
 * What is not known counts as a failed attempt from the address that it is said to come from, in
 * this workspace; where none is given, of who asks.
 *
 * @throws RequestError RATE_LIMITED for such a one after too many of them
 */
async function findLiveToken(
  deps: Deps,
  verifier: Caller,
  jwt: string,
  { address, resources }: Presentation,
): Promise<LiveToken | undefined> {
  const { workspaceId } = verifier
  const source = { address, workspaceId, verifierId: verifierIdOf(verifier) }
  const known = await deps.limits.attempts
    .signed(source, secretDigest(jwt), () => findKnownToken(deps, workspaceId, jwt))
    .catch(noneIfRefused)
  if (known === undefined) return undefined
  const { token } = known
  if (refusalOf(token, token.now, address) !== undefined) return undefined
  const exp = expOf(token)
  const isOver = token.now.getTime() >= exp * 1_000
  const isForThem = resources.every((resource) => token.tokenAudience.includes(resource))
  return isOver || !isForThem ? undefined : { ...known, exp }
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

function addressIn(form: Form): string | undefined {
  const text = form.get('ip')
  const address = text === undefined ? undefined : plainAddress(text)
  if (text !== undefined && address === undefined)
    throw new OAuthError('invalid_request', 'ip is no IP address.')
  return address
}

/** @throws OAuthError invalid_request for an `ip` that is no address */
const presentationOf = (form: Form): Presentation => ({
  address: addressIn(form),
  resources: form.all('resource'),
})

/**
 * Tells a resource server what an access token of its workspace is good for now (RFC 7662). Of the
 * optional parameters `ip` is the address that the token came from, for its key's address rule, and
 * `resource` whom it must be for. Whatever would not be let through, or is not this workspace's, is
 * one and the same: inactive. An active token's key and workspace are charged, and nobody for another.
 */
export const introspect =
  (deps: Deps) =>
  async (call: Call): Promise<Reply> => {
    const form = await readForm(call.request)
    const jwt = form.get('token')
    const verifier = await authenticateVerifier(deps, call, form)
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to look at.')
    const live = await findLiveToken(deps, verifier, jwt, presentationOf(form))
    if (live === undefined) return uncachedReply(200, { active: false })
    // Not inactive where it is over its limit: a resource server would take that for the token's end.
    const charged = await deps.limits.charge(tokenCallerOf(live.token), leastCost)
    if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
    return uncachedReply(200, described(live))
  }
