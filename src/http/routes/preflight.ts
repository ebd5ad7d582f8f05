import type { Route } from './route.ts'

/** A list of up to 100 names of headers (RFC 9110, 5.1). */
const headerNames = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+){0,99}$/

/**
 * Answers a browser that asks before it sends from a page of another origin: whatever headers it
 * asks for are allowed, for monitoring and clients add their own.
 */
export const preflight: Route = ({ request: { headers } }) => {
  const asked = headers.get('access-control-request-headers') ?? ''
  return {
    status: 204,
    headers: {
      vary: 'access-control-request-headers',
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': headerNames.test(asked)
        ? asked
        : 'Authorization, Content-Type, X-API-Key, X-Workspace-Id',
      'access-control-max-age': '7200',
    },
  }
}
