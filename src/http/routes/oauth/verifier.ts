import type { Caller } from '../../../auth/caller.ts'
import { bearerToken, namingHeader } from '../../../auth/credentials/presented-secret.ts'
import { holds } from '../../../auth/policy.ts'
import type { Deps } from '../../../deps.ts'
import { unauthenticated } from '../../../errors.ts'
import {
  authenticateCredential,
  authenticateKey,
} from '../../../modules/credential/authenticate-credential.ts'
import { verifierCost } from '../../../modules/credential/verify.ts'
import { type Call, charge } from '../route.ts'
import { assertNoSecretIn, authenticateClient } from './client-credentials.ts'
import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

/** Whether a key or token authenticates by itself (RFC 6750, 2.1), and not a client. */
export const isBearer = ({ headers }: Request): boolean =>
  /^\s*bearer\b/i.test(headers.get('authorization') ?? '')

async function authenticateBearer(deps: Deps, { request, state }: Call): Promise<Caller> {
  const { address, requestId } = state
  const secret = bearerToken(request.headers)
  const missing = 'Send an API key or an access token.'
  if (secret === undefined) throw unauthenticated('MISSING', {}, missing)
  const caller = authenticateCredential(deps, secret, { address, requestId })
  return await caller.catch(namingHeader('Authorization'))
}

/**
 * Who may ask about tokens: a key as a client, or a key or token of ours as Bearer. They pay nothing
 * for it, for the token's key does; who may not ask pays as for any request.
 *
 * @throws OAuthError insufficient_scope without keys:verify; RequestError UNAUTHENTICATED, RATE_LIMITED for who is blocked, or has too little left to be told no
 */
export async function authenticateVerifier(deps: Deps, call: Call, form: Form): Promise<Caller> {
  const isBearing = isBearer(call.request)
  if (isBearing) assertNoSecretIn(form)
  const caller = isBearing
    ? await authenticateBearer(deps, call)
    : await authenticateClient(authenticateKey, deps, call, form)
  await charge(deps, call, caller, verifierCost(caller))
  if (!holds(caller.rights, 'keys:verify'))
    throw new OAuthError('insufficient_scope', 'This needs keys:verify.')
  deps.usage.usedRights(caller, ['keys:verify'])
  return caller
}
