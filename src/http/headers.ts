import type { Principal } from '../auth/caller.ts'
import { type BucketState, type Charge, windowMs } from '../limits/buckets.ts'
import type { Context } from '../schema/context.ts'

export type ResponseHeaders = Readonly<Record<string, string>>

/** What a page of another origin may read of an answer, beside what browsers always show. */
const exposed = [
  'X-Request-Id',
  'Retry-After',
  'WWW-Authenticate',
  'Content-Disposition',
  'Latchkey-Verdict',
  'RateLimit-Policy',
  'RateLimit',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Deprecation',
  'Sunset',
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

/** Where this API describes itself as a protected resource (RFC 9728, 3.1); behind it a path of the API. */
export const protectedResourcePath = '/.well-known/oauth-protected-resource'

/**
 * The challenge of a 401 with the address of what describes the API (RFC 9728, 5.1); nothing for an
 * answer without a challenge.
 *
 * @param path of the API that was asked; empty: the whole of it
 */
export function challengeHeaders(
  { 'www-authenticate': challenge }: ResponseHeaders,
  publicUrl: string,
  path: string,
): ResponseHeaders {
  if (challenge === undefined) return {}
  const divider = challenge.includes('=') ? ', ' : ' '
  const metadata = `resource_metadata="${publicUrl}${protectedResourcePath}${path}"`
  return { 'www-authenticate': challenge + divider + metadata }
}

/** What an answer says of the caller's limits and the end of their credential; nothing without a context. */
export const callerHeaders = (context: Context | undefined): ResponseHeaders => ({
  ...rateLimitHeaders(context?.charged),
  ...(context && !context.isAnonymous && deprecationHeaders(context.principal)),
})

const seconds = (ms: number): number => Math.ceil(ms / 1_000)

/**
 * How the limits of a caller stand after a request: each policy as a structured field
 * (draft-ietf-httpapi-ratelimit-headers), and the tightest one in the three headers that came before
 * the draft, with the reset in seconds since 1970. Nothing where nothing is limited, or nothing was charged.
 */
export function rateLimitHeaders(
  { states }: Pick<Charge, 'states'> = { states: [] },
): ResponseHeaders {
  // The one that is nearest to refusing; of two that are, the one that does so for longer.
  const [tightest] = [...states].sort((a, b) => a.remaining - b.remaining || b.resetMs - a.resetMs)
  if (tightest === undefined) return {}
  const each = (parameters: (state: BucketState) => string): string =>
    states.map((state) => `"${state.subject.toLowerCase()}";${parameters(state)}`).join(', ')
  return {
    'ratelimit-policy': each(({ limit }) => `q=${limit};w=${windowMs / 1_000}`),
    ratelimit: each(({ remaining, resetMs }) => `r=${remaining};t=${seconds(resetMs)}`),
    'x-ratelimit-limit': String(tightest.limit),
    'x-ratelimit-remaining': String(tightest.remaining),
    'x-ratelimit-reset': String(seconds(tightest.resetAt.getTime())),
  }
}

/**
 * Tells who asks with a legacy secret since when it has been one, as a date of structured fields
 * (RFC 9745), and when it ends, if that is known (RFC 8594). Nobody else gets these headers.
 */
export function deprecationHeaders(principal: Principal | undefined): ResponseHeaders {
  if (principal?.kind !== 'API_KEY' || principal.deprecation === null) return {}
  const { since, sunset } = principal.deprecation
  return {
    deprecation: `@${Math.floor(since.getTime() / 1_000)}`,
    ...(sunset !== null && { sunset: sunset.toUTCString() }),
  }
}
