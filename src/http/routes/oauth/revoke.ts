import { findToken } from '../../../auth/token-record.ts'
import type { Deps } from '../../../deps.ts'
import { leastCost } from '../../../limits/operation-cost.ts'
import { revokeAccessToken } from '../../../modules/access-token/revoke.ts'
import type { Reply } from '../route.ts'
import { authenticateClient } from './client.ts'
import type { Call } from './endpoint.ts'
import { readForm } from './form.ts'
import { OAuthError, uncached } from './oauth-error.ts'
import { noneIfRefused, verifyToken } from './verified-token.ts'

/**
 * Ends an access token of the calling key (RFC 7009). The answer to anything else that is presented
 * is the same: who asks learns nothing of it, and has what they wanted, a token that is of no use.
 */
export const revoke =
  (deps: Deps) =>
  async (call: Call): Promise<Reply> => {
    const form = await readForm(call.request)
    const caller = await authenticateClient(deps, call, form)
    await call.charge(caller, leastCost)
    const jwt = form.get('token')
    if (jwt === undefined) throw new OAuthError('invalid_request', 'Send the token to revoke.')
    const verified = await verifyToken(deps, jwt).catch(noneIfRefused)
    const token =
      verified?.workspaceId === caller.workspaceId
        ? await findToken(deps.prisma, caller.workspaceId, verified.tokenId)
        : undefined
    const { address, requestId } = call
    if (token?.id === caller.key.id)
      await revokeAccessToken({ deps, caller, address, requestId }, { id: token.tokenId })
    return { status: 200, headers: uncached }
  }
