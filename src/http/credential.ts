import { RequestError, unauthenticated } from '../errors.ts'

/**
 * The secret that a request presents, in `Authorization: Bearer` or `X-API-Key`; undefined when it
 * presents none. An empty header is no credential.
 *
 * @throws RequestError BAD_REQUEST for two different ones (RFC 6750, 3.1), UNAUTHENTICATED for
 *   another scheme than Bearer
 */
export function presentedSecret(headers: Headers): string | undefined {
  const bearer = bearerToken(headers.get('authorization')?.trim())
  const apiKey = headers.get('x-api-key')?.trim() || undefined
  if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey)
    throw new RequestError('BAD_REQUEST', 'Authorization and X-API-Key hold different credentials.')
  return bearer ?? apiKey
}

/**
 * The token of an Authorization header in the Bearer scheme; undefined when it holds none.
 *
 * @throws RequestError UNAUTHENTICATED for another scheme
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (!authorization) return undefined
  const [, token] = /^bearer(?: +([^ ].*))?$/is.exec(authorization) ?? [undefined, null]
  if (token === null) throw unauthenticated('MALFORMED')
  return token || undefined
}
