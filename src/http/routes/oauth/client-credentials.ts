import type { Deps } from '../../../deps.ts'
import { RequestError, unauthenticated } from '../../../errors.ts'
import { formDecode, utf8 } from '../../../input/form-encoding.ts'
import type { Origin } from '../../../modules/credential/authenticate-credential.ts'
import type { Call } from '../route.ts'
import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

/** What a client says that it is, and the secret that is to prove it. */
export interface ClientCredentials {
  readonly id: string
  readonly secret: string
}

const whatToSend = 'Send the id of an API key as the client id, and the key as the client secret.'

const refused = (description: string): OAuthError => new OAuthError('invalid_client', description)

/** Both parts are form-encoded before base64 (RFC 6749, 2.3.1). */
function basicCredentials(authorization: string): ClientCredentials {
  const [, base64 = ''] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  try {
    const [, id = '', secret = ''] =
      /^([^:]+):(.+)$/s.exec(utf8(Buffer.from(base64, 'base64'))) ?? []
    if (id !== '') return { id: formDecode(id), secret: formDecode(secret) }
  } catch {
    // Told below.
  }
  throw refused(
    `The Authorization header holds no client id and secret in the Basic scheme. ${whatToSend}`,
  )
}

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
export function clientCredentials(headers: Headers, form: Form): ClientCredentials {
  const authorization = headers.get('authorization')?.trim()
  const id = form.get('client_id')
  const secret = form.get('client_secret')
  if (!authorization) {
    if (id !== undefined && secret !== undefined) return { id, secret }
    throw refused(whatToSend)
  }
  assertNoSecretIn(form)
  const credentials = basicCredentials(authorization)
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
  return accept(deps, secret, { address, requestId, keyId: id }).catch((error: unknown) => {
    const isMalformed = error instanceof RequestError && error.details.reason === 'MALFORMED'
    const message = `The client secret is no well-formed key. ${whatToSend}`
    throw isMalformed ? unauthenticated('MALFORMED', {}, message) : error
  })
}
