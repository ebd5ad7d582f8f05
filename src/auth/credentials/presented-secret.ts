import { RequestError, unauthenticated } from '../../errors.ts'

/** The headers that hold a credential, the client's or a gateway's, with what stands before it there. */
const schemes = { Authorization: 'Bearer ', 'X-API-Key': '', 'Latchkey-Verifier': '' } as const

type CredentialHeader = keyof typeof schemes

const malformed = (message: string): RequestError => unauthenticated('MALFORMED', {}, message)

const malformedIn = (header: CredentialHeader): string =>
  `${header} holds no well-formed key or token; send "${header}: ${schemes[header]}<key or token>".`

/** For a promise of a caller: tells whose credential is malformed what to send. */
export const insteadOfMalformed =
  (message: string) =>
  (error: unknown): never => {
    const isMalformed = error instanceof RequestError && error.details.reason === 'MALFORMED'
    throw isMalformed ? malformed(message) : error
  }

/** The same, of a header that held the credential alone. */
export const namingHeader = (header: CredentialHeader) => insteadOfMalformed(malformedIn(header))

/**
 * The secret that a request presents, in `Authorization: Bearer` or `X-API-Key`; undefined when it
 * presents none. An empty header is no credential, nor is an Authorization of another scheme, which a
 * proxy may be asking for.
 *
 * @throws RequestError BAD_REQUEST for two different ones (RFC 6750, 3.1), UNAUTHENTICATED for an
 *   Authorization without a scheme
 */
export function presentedSecret(
  headers: Headers,
): { readonly secret: string; readonly header: CredentialHeader } | undefined {
  const bearer = bearerToken(headers)
  const apiKey = headers.get('x-api-key')?.trim() || undefined
  if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey)
    throw new RequestError(
      'BAD_REQUEST',
      'Authorization and X-API-Key hold different credentials; send one of them.',
    )
  if (bearer !== undefined) return { secret: bearer, header: 'Authorization' }
  return apiKey === undefined ? undefined : { secret: apiKey, header: 'X-API-Key' }
}

/** A scheme is a short word (RFC 9110, 11.1); no key or token begins like one. */
const withScheme = /^([a-z][a-z\d-]{0,24})(?: +(.*))?$/is

/**
 * The token of the Authorization header in the Bearer scheme; undefined when it holds none.
 *
 * @throws RequestError UNAUTHENTICATED without a scheme
 */
export function bearerToken(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')?.trim()
  if (!authorization) return undefined
  const [, scheme, token] = withScheme.exec(authorization) ?? []
  if (scheme === undefined) throw malformed(malformedIn('Authorization'))
  return scheme.toLowerCase() === 'bearer' && token ? token : undefined
}
