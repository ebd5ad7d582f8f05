import type { Deps } from '../../../deps.ts'
import { addressProblem, plainAddress } from '../../../input/addresses.ts'
import { introspectToken } from '../../../modules/access-token/introspect.ts'
import type { Call, Reply } from '../route.ts'
import { readForm } from './form.ts'
import { OAuthError, uncachedReply } from './oauth-error.ts'
import { resourcesIn } from './resources.ts'
import { authenticateVerifier } from './verifier.ts'

function addressIn(text: string | undefined): string | undefined {
  const address = text === undefined ? undefined : plainAddress(text)
  if (text !== undefined && address === undefined)
    throw new OAuthError('invalid_request', `ip: ${addressProblem(text)}`)
  return address
}

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
    const presentation = {
      address: addressIn(form.get('ip')),
      resources: resourcesIn(form, deps.publicUrl),
    }
    const described = await introspectToken(deps, verifier, jwt, presentation)
    return uncachedReply(200, described ?? { active: false })
  }
