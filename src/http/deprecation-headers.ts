import type { Principal } from '../auth/caller.ts'

/** What an answer says of the end of a credential, where a page of another origin may read it. */
export const deprecationHeaderNames = ['Deprecation', 'Sunset'] as const

/**
 * Tells who asks with a legacy secret since when it has been one, as a date of structured fields
 * (RFC 9745), and when it ends, if that is known (RFC 8594). Anybody else is told nothing.
 */
export function deprecationHeaders(principal: Principal | undefined): Record<string, string> {
  if (principal?.kind !== 'API_KEY' || principal.deprecation === null) return {}
  const { since, sunset } = principal.deprecation
  return {
    deprecation: `@${Math.floor(since.getTime() / 1_000)}`,
    ...(sunset !== null && { sunset: sunset.toUTCString() }),
  }
}
