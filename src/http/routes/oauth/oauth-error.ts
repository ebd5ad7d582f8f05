import { withoutSecrets } from '../../../auth/credentials/without-secrets.ts'
import type { ResponseHeaders } from '../../headers.ts'
import { jsonReply, type Reply } from '../route.ts'

/** What can be wrong with a request to an OAuth endpoint: the codes of the RFCs. */
export type OAuthErrorCode =
  // RFC 6749, 5.2
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  // RFC 6749, 4.1.2.1, where a redirect has no status to say it with
  | 'server_error'
  | 'temporarily_unavailable'
  // RFC 6750, 3.1
  | 'invalid_token'
  | 'insufficient_scope'
  // RFC 8707, 2
  | 'invalid_target'

const statuses: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  server_error: 500,
  temporarily_unavailable: 503,
}

const headersOf: Partial<Record<OAuthErrorCode, ResponseHeaders>> = {
  invalid_client: { 'www-authenticate': 'Basic realm="Latchkey"' },
  invalid_token: { 'www-authenticate': 'Bearer realm="Latchkey", error="invalid_token"' },
  temporarily_unavailable: { 'retry-after': '1' },
}

interface OAuthErrorOptions {
  /** Instead of the code's own. */
  readonly status?: number
  /** Besides the code's own, or instead of one. */
  readonly headers?: ResponseHeaders
}

/** Ends a request to an OAuth endpoint with the answer that its RFC asks for. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  readonly headers: ResponseHeaders
  constructor(code: OAuthErrorCode, description: string, options: OAuthErrorOptions = {}) {
    super(description)
    this.code = code
    this.status = options.status ?? statuses[code] ?? 400
    this.headers = { ...headersOf[code], ...options.headers }
  }
}

/** A text in the characters that an error_description may have (RFC 6749, 5.2), without secrets. */
const describable = (text: string): string =>
  withoutSecrets(text)
    .replaceAll('…', '...')
    .replaceAll(/["\\]/g, "'")
    .replaceAll(/[^\x20-\x7e]/g, '?')

/** Beside `cache-control: no-store`, which every reply has (RFC 6749, 5.1). */
export const uncached = { pragma: 'no-cache' } as const

/** An answer in JSON, uncached. */
export const uncachedReply = (status: number, body: unknown, headers?: ResponseHeaders): Reply =>
  jsonReply(status, body, { ...uncached, ...headers })

/** The error as the RFCs have it (RFC 6749, 5.2). */
export const oauthErrorReply = ({ code, message, status, headers }: OAuthError): Reply =>
  uncachedReply(status, { error: code, error_description: describable(message) }, headers)
