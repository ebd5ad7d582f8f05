import type { Caller } from '../../../auth/caller.ts'
import { holds } from '../../../auth/policy.ts'
import type { Deps } from '../../../deps.ts'
import { RequestError } from '../../../errors.ts'
import { acceptCredential, acceptKey } from '../../../modules/credential/accept.ts'
import { verifierCost } from '../../../modules/credential/verify.ts'
import { bearerToken, namingHeader } from '../../credential.ts'
import { assertNoSecretIn, authenticateClient } from './client-credentials.ts'
import type { Call } from './endpoint.ts'
import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

const isBearer = (authorization: string): boolean => /^bearer\b/i.test(authorization)

/** The key or token in the Authorization header (RFC 6750, 2.1). */
async function authenticateBearer(
  deps: Deps,
  { address, requestId, state }: Call,
  authorization: string,
): Promise<Caller> {
  try {
    const secret = bearerToken(authorization)
    if (secret !== undefined)
      return await acceptCredential(deps, secret, { address, requestId }).catch(
        namingHeader('Authorization'),
      )
  } catch (error) {
    if (!(error instanceof RequestError && error.code === 'UNAUTHENTICATED')) throw error
    state.refusal = error
    throw new OAuthError('invalid_token', error.message)
  }
  throw new OAuthError('invalid_token', 'Send an API key or an access token.')
}

/**
 * Who may ask about tokens: a key as a client, or a key or token of ours as Bearer. They pay nothing
 * for it, for the token's key does; who may not ask pays as for any request.
 *
 * @throws OAuthError invalid_client, invalid_token, or insufficient_scope without keys:verify;
 *   RequestError RATE_LIMITED for who is blocked, or has too little left to be told no
 */
export async function authenticateVerifier(deps: Deps, call: Call, form: Form): Promise<Caller> {
  const authorization = call.request.headers.get('authorization')?.trim() ?? ''
  if (isBearer(authorization)) assertNoSecretIn(form)
  const caller = isBearer(authorization)
    ? await authenticateBearer(deps, call, authorization)
    : await authenticateClient(acceptKey, deps, call, form)
  await call.charge(caller, verifierCost(caller))
  if (holds(caller.rights, 'keys:verify')) return caller
  const challenge = 'Bearer realm="Latchkey", error="insufficient_scope", scope="keys:verify"'
  throw new OAuthError('insufficient_scope', 'This needs keys:verify.', {
    headers: { 'www-authenticate': challenge },
  })
}
