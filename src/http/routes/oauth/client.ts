import type { KeyCaller, KeyVisitor } from '../../../auth/caller.ts'
import type { Deps } from '../../../deps.ts'
import { acceptAnyKey, acceptKey } from '../../../modules/credential/accept.ts'
import { clientCredentials } from './client-credentials.ts'
import type { Call } from './endpoint.ts'
import type { Form } from './form.ts'

/**
 * The key that calls as an OAuth client: its id is the client id, the key itself the client secret.
 * It is held to the same rules as on the API, its first use included.
 *
 * @throws RequestError UNAUTHENTICATED, or OAuthError for credentials that are none
 */
export function authenticateClient(
  deps: Deps,
  { request, address, requestId }: Call,
  form: Form,
): Promise<KeyCaller> {
  const { id, secret } = clientCredentials(request.headers, form)
  return acceptKey(deps, secret, { address, requestId, keyId: id })
}

/** The same where a user-level legacy key is a client, too, if only to be told what it may not do. */
export function authenticateAnyClient(
  deps: Deps,
  { request, address, requestId }: Call,
  form: Form,
): Promise<KeyCaller | KeyVisitor> {
  const { id, secret } = clientCredentials(request.headers, form)
  return acceptAnyKey(deps, secret, { address, requestId, keyId: id })
}
