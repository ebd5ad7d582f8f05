import { type BasicCredentials, basicCredentials } from '../../../auth/credentials/basic.ts'
import { insteadOfMalformed } from '../../../auth/credentials/presented-secret.ts'
import type { Deps } from '../../../deps.ts'
import type { Origin } from '../../../modules/credential/authenticate-credential.ts'
import type { Call } from '../route.ts'
import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

const whatToSend = 'Send the id of an API key as the client id, and the key as the client secret.'

const refused = (description: string): OAuthError => new OAuthError('invalid_client', description)

/**
 * For a request that authenticates by its Authorization header.
 *
 * @throws OAuthError invalid_request where the form does, too (RFC 6749, 2.3)
 */
export function assertNoSecretIn(form: Form): void {
  if (form.get('client_secret') !== undefined)
    throw new OAuthError('invalid_request', 'Authenticate in one way, not in two.')
}

/**
 * The credentials that a client presents by Basic authentication or in the form (RFC 6749, 2.3.1).
 * A client id in the form may repeat that of Basic authentication.
 *
 * @throws OAuthError invalid_request for more than one way at once, invalid_client for none
 */
export function clientCredentials(headers: Headers, form: Form): BasicCredentials {
  const authorization = headers.get('authorization')?.trim()
  const id = form.get('client_id')
  const secret = form.get('client_secret')
  if (!authorization) {
    if (id !== undefined && secret !== undefined) return { id, secret }
    throw refused(whatToSend)
  }
  assertNoSecretIn(form)
  const credentials = basicCredentials(authorization)
  if (credentials === undefined)
    throw refused(
      `The Authorization header holds no client id and secret in the Basic scheme. ${whatToSend}`,
    )
  if (id !== undefined && id !== credentials.id)
    throw new OAuthError('invalid_request', 'The form names another client id.')
  return credentials
}

/**
 * Whom `accept` makes of the key that calls as an OAuth client: its id is the client id, the key itself
 * the client secret. It is held to the same rules as on the API, its first use included.
 *
 * @throws RequestError UNAUTHENTICATED, or OAuthError for credentials that are none
 */
export function authenticateClient<Client>(
  accept: (deps: Deps, secret: string, origin: Origin) => Promise<Client>,
  deps: Deps,
  { request, state: { address, requestId } }: Call,
  form: Form,
): Promise<Client> {
  const { id, secret } = clientCredentials(request.headers, form)
  return accept(deps, secret, { address, requestId, keyId: id }).catch(
    insteadOfMalformed(`The client secret is no well-formed key. ${whatToSend}`),
  )
}
