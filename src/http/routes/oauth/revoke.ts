import type { Deps } from '../../../deps.ts'
import { minCost } from '../../../limits/operation-cost.ts'
import { findPresentedToken } from '../../../modules/access-token/introspect.ts'
import { revokeAccessToken } from '../../../modules/access-token/revoke.ts'
import { authenticateKey } from '../../../modules/credential/authenticate-credential.ts'
import { type Call, charge, type Reply } from '../route.ts'
import { authenticateClient } from './client-credentials.ts'
import { readForm } from './form.ts'
import { OAuthError, uncached } from './oauth-error.ts'

/**
 * Ends an access token of the calling key (RFC 7009). The answer to anything else that is presented
 * is the same: who asks learns nothing of it, and has what they wanted, a token that is of no use.
 */
export const revoke =
  (deps: Deps) =>
  async (call: Call): Promise<Reply> => {
    const form = await readForm(call.request)
    const caller = await authenticateClient(authenticateKey, deps, call, form)
    await charge(deps, call, caller, minCost)
    const jwt = form.get('token')
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to revoke.')
    const token = await findPresentedToken(deps, caller.workspaceId, jwt)
    const { address, requestId } = call.state
    if (token?.id === caller.key.id)
      await revokeAccessToken({ deps, caller, address, requestId }, { id: token.tokenId })
    return { status: 200, headers: uncached }
  }
