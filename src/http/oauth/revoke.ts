import type { Deps } from '../../deps.ts'
import { revokeAccessToken } from '../../modules/access-token/revoke.ts'
import { authenticateClient } from './client.ts'
import type { Call } from './endpoint.ts'
import { readForm } from './form.ts'
import { OAuthError } from './oauth-error.ts'
import { verifiedToken } from './verified-token.ts'

/**
 * Ends an access token of the calling key (RFC 7009). The answer to anything else that is presented
 * is the same: who asks learns nothing of it, and has what they wanted, a token that is of no use.
 */
export const revoke =
  (deps: Deps) =>
  async (call: Call): Promise<Response> => {
    const form = await readForm(call.request)
    const caller = await authenticateClient(deps, call, form)
    const jwt = form.get('token')
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to revoke.')
    const token = await verifiedToken(deps, jwt)
    const { address, requestId } = call
    if (token?.workspaceId === caller.workspaceId && token.claims.sub === caller.key.id)
      await revokeAccessToken({ deps, caller, address, requestId }, { id: token.tokenId })
    return new Response(null, { headers: { 'cache-control': 'no-store', pragma: 'no-cache' } })
  }
