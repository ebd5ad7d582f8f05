import type { JWTPayload } from 'jose'
import { refusalOf } from '../../auth/authenticate.ts'
import type { Caller } from '../../auth/caller.ts'
import { earliest } from '../../auth/key-record.ts'
import { heldBySpace, holds, workspaceWide } from '../../auth/policy.ts'
import { findToken, type PresentedToken, tokenRightsOf } from '../../auth/token-record.ts'
import type { Deps } from '../../deps.ts'
import { RequestError } from '../../errors.ts'
import { authenticate } from '../authenticate.ts'
import { authenticateClient } from './client.ts'
import type { Call } from './endpoint.ts'
import { type Form, readForm } from './form.ts'
import { OAuthError, uncachedResponse } from './oauth-error.ts'
import { verifiedToken } from './verified-token.ts'

/** The key or token in the Authorization header (RFC 6750, 2.1). */
async function authenticateBearer(deps: Deps, call: Call, form: Form): Promise<Caller> {
  if (form.get('client_secret') !== undefined)
    throw new OAuthError('invalid_request', 'Authenticate in one way, not in two.')
  const { request, address, requestId } = call
  const headers = new Headers({ authorization: request.headers.get('authorization') ?? '' })
  const principal = await authenticate(deps, headers, { address, requestId }).catch((error) => {
    if (error instanceof RequestError && error.code === 'UNAUTHENTICATED')
      throw new OAuthError('invalid_token', error.message)
    throw error
  })
  const isAccepted =
    principal?.kind === 'API_KEY' || (principal?.kind === 'ACCESS_TOKEN' && !principal.isRotated)
  if (!isAccepted) throw new OAuthError('invalid_token', 'Send an API key or an access token.')
  return principal
}

async function authenticateVerifier(deps: Deps, call: Call, form: Form): Promise<Caller> {
  const isBearer = /^\s*bearer\b/i.test(call.request.headers.get('authorization') ?? '')
  const caller = isBearer
    ? await authenticateBearer(deps, call, form)
    : await authenticateClient(deps, call, form)
  if (holds(caller.rights, 'keys:verify')) return caller
  const challenge = 'Bearer realm="Latchkey", error="insufficient_scope", scope="keys:verify"'
  throw new OAuthError('insufficient_scope', 'This needs keys:verify.', {
    headers: { 'www-authenticate': challenge },
  })
}

/** A token of ours that would be let through from that address now. */
interface LiveToken {
  readonly token: PresentedToken
  readonly claims: JWTPayload
}

async function findLiveToken(
  deps: Deps,
  workspaceId: string,
  jwt: string,
  address: string | undefined,
): Promise<LiveToken | undefined> {
  const verified = await verifiedToken(deps, jwt)
  if (verified?.workspaceId !== workspaceId) return undefined
  const { tokenId, claims } = verified
  const token = await findToken(deps.prisma, workspaceId, tokenId)
  if (token === undefined || refusalOf(token, token.now, address) !== undefined) return undefined
  return { token, claims }
}

const inSeconds = (instant: Date | null): number | undefined =>
  instant === null ? undefined : Math.floor(instant.getTime() / 1_000)

/** What the token is good for now, which may be less than what its own claims say (RFC 7662, 2.2). */
function described({ token, claims: { iss, iat, aud } }: LiveToken) {
  const rights = tokenRightsOf(token, token.tokenSnapshot)
  return {
    active: true,
    scope: workspaceWide(rights).join(' '),
    client_id: token.id,
    sub: token.id,
    token_type: 'Bearer',
    exp: inSeconds(earliest(token.tokenExpiresAt, token.effectiveExpiresAt)),
    iat,
    iss,
    aud,
    jti: token.tokenId,
    'latchkey:user': token.ownerId,
    'latchkey:workspace': token.workspaceId,
    'latchkey:spaces': heldBySpace(rights),
  }
}

/**
 * Tells a resource server what an access token of its workspace is good for now (RFC 7662). The
 * optional parameter `ip` is the address that the token came from, for its key's address rule.
 * Whatever would not be let through, or is not this workspace's, is one and the same: inactive.
 */
export const introspect =
  (deps: Deps) =>
  async (call: Call): Promise<Response> => {
    const form = await readForm(call.request)
    const jwt = form.get('token')
    const { workspaceId } = await authenticateVerifier(deps, call, form)
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to look at.')
    const live = await findLiveToken(deps, workspaceId, jwt, form.get('ip'))
    return uncachedResponse(200, live === undefined ? { active: false } : described(live))
  }
