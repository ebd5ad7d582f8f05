import type { Context } from '../context.ts'
import { deprecationHeaderNames, deprecationHeaders } from './deprecation-headers.ts'
import { rateLimitHeaderNames, rateLimitHeaders } from './rate-limit-headers.ts'

export type ResponseHeaders = Readonly<Record<string, string>>

/** What a page of another origin may read of an answer, beside what browsers always show. */
const exposed = [
  'X-Request-Id',
  'Retry-After',
  'WWW-Authenticate',
  'Content-Disposition',
  'Latchkey-Verdict',
  ...rateLimitHeaderNames,
  ...deprecationHeaderNames,
].join(', ')

/** On every answer, unless it has its own. */
export const commonHeaders = (requestId: string): ResponseHeaders => ({
  'x-request-id': requestId,
  // X-API-Key, unlike Authorization, would not keep a shared cache from storing it.
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // No cookies and no other ambient credentials: any page may ask, none can on somebody's behalf.
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposed,
})

/** What an answer says of the caller's limits and the end of their credential. */
export const callerHeaders = (context: Context): ResponseHeaders => ({
  ...rateLimitHeaders(context.charged),
  ...(!context.isAnonymous && deprecationHeaders(context.principal)),
})
