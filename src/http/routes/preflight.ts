import type { Route } from './route.ts'

/** Whether it is a list of up to 100 names of headers (RFC 9110, 5.1). */
function isNames(list: string): boolean {
  const names = list.split(',', 101)
  return names.length < 101 && names.every((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name.trim()))
}

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
      'access-control-allow-headers': isNames(asked)
        ? asked
        : 'Authorization, Content-Type, X-API-Key, X-Workspace-Id',
      'access-control-max-age': '7200',
    },
  }
}
