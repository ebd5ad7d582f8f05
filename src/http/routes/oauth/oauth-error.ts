import { withoutSecrets } from '../../../auth/credentials/without-secrets.ts'
import type { HttpFailure } from '../../../errors.ts'
import type { ResponseHeaders } from '../../headers.ts'
import { jsonReply, type Reply } from '../route.ts'

/** What can be wrong with a request to an OAuth endpoint: the codes of the RFCs, with their statuses. */
const statuses = {
  // RFC 6749, 5.2
  invalid_request: 400,
  invalid_client: 401,
  invalid_scope: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  // RFC 6749, 4.1.2.1, where a redirect has no status to say it with
  server_error: 500,
  temporarily_unavailable: 503,
  // RFC 6750, 3.1
  invalid_token: 401,
  insufficient_scope: 403,
  // RFC 8707, 2
  invalid_target: 400,
} as const

export type OAuthErrorCode = keyof typeof statuses

const headersOf: Partial<Record<OAuthErrorCode, ResponseHeaders>> = {
  invalid_client: { 'www-authenticate': 'Basic realm="Latchkey"' },
  invalid_token: { 'www-authenticate': 'Bearer realm="Latchkey", error="invalid_token"' },
  insufficient_scope: {
    'www-authenticate': 'Bearer realm="Latchkey", error="insufficient_scope", scope="keys:verify"',
  },
}

/** Ends a request to an OAuth endpoint with the answer that its RFC asks for. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly http: HttpFailure
  /** @param http instead of the code's own */
  constructor(code: OAuthErrorCode, description: string, http: Partial<HttpFailure> = {}) {
    super(description)
    this.code = code
    this.http = { status: statuses[code], headers: headersOf[code] ?? {}, ...http }
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
export const oauthErrorReply = ({ code, message, http: { status, headers } }: OAuthError): Reply =>
  uncachedReply(status, { error: code, error_description: describable(message) }, headers)
