import type { Deps } from '../../../deps.ts'
import { rateLimited, type UserError, UserInputError } from '../../../errors.ts'
import { minCost } from '../../../limits/operation-cost.ts'
import { createAccessToken } from '../../../modules/access-token/create.ts'
import { authenticateAnyKey } from '../../../modules/credential/authenticate-credential.ts'
import { httpOf } from '../../errors.ts'
import { type Call, charge, type Reply } from '../route.ts'
import { authenticateClient } from './client-credentials.ts'
import { readForm } from './form.ts'
import { OAuthError, uncachedReply } from './oauth-error.ts'
import { resourcesIn } from './resources.ts'

/** An expected failure of the exchange, as its RFC calls it. */
function exchangeError({ code, message, path }: UserError): OAuthError {
  // Some of the live ones end before long.
  if (code === 'LIMIT_REACHED')
    return new OAuthError('temporarily_unavailable', message, httpOf(rateLimited(60)))
  if (code === 'WRONG_STATE') return new OAuthError('unauthorized_client', message)
  if (code === 'EXPIRY_NOT_ALLOWED') return new OAuthError('invalid_client', message)
  if (code === 'UNKNOWN_PERMISSION')
    return new OAuthError('invalid_scope', `${message} In scope, one blank divides them.`)
  if (path?.[1] === 'permissions') return new OAuthError('invalid_scope', message)
  if (path?.[1] === 'audience') return new OAuthError('invalid_target', message)
  return new OAuthError('invalid_request', message)
}

/**
 * Gives a key a short-lived access token for itself (RFC 6749, 4.4). `scope` is a list of
 * permissions and aliases that the token is to be narrowed to; `resource` says whom it is for
 * (RFC 8707), by default this API.
 */
export const exchange =
  (deps: Deps) =>
  async (call: Call): Promise<Reply> => {
    const form = await readForm(call.request)
    const grantType = form.get('grant_type')
    if (grantType === undefined)
      throw new OAuthError('invalid_request', 'Send grant_type=client_credentials.')
    if (grantType !== 'client_credentials')
      throw new OAuthError('unsupported_grant_type', 'The only grant is client_credentials.')
    const caller = await authenticateClient(authenticateAnyKey, deps, call, form)
    await charge(deps, call, caller, minCost)
    if (caller.workspaceId === null)
      throw new OAuthError('unauthorized_client', 'A user-level legacy key mints no access tokens.')
    const { address, requestId } = call.state
    const resources = resourcesIn(form, deps.publicUrl)
    const { token, expiresInSeconds, permissions } = await createAccessToken(
      { deps, caller, address, requestId },
      {
        permissions: form.get('scope')?.split(' '),
        audience: resources.length > 0 ? resources : undefined,
      },
    ).catch((error: unknown) => {
      throw error instanceof UserInputError && error.errors[0] !== undefined
        ? exchangeError(error.errors[0])
        : error
    })
    return uncachedReply(200, {
      access_token: token,
      token_type: 'Bearer',
      expires_in: expiresInSeconds,
      scope: permissions.join(' '),
    })
  }
