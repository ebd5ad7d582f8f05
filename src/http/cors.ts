import { Response } from '@whatwg-node/server'
import { deprecationHeaderNames } from './deprecation-headers.ts'
import { rateLimitHeaderNames } from './rate-limit-headers.ts'

/** On every answer that a page of any origin may read. */
export const corsHeaders = {
  // No cookies and no other ambient credentials: any page may ask, none can on somebody's behalf.
  'access-control-allow-origin': '*',
  'access-control-expose-headers': [
    'X-Request-Id',
    'Retry-After',
    'WWW-Authenticate',
    'Content-Disposition',
    ...rateLimitHeaderNames,
    ...deprecationHeaderNames,
  ].join(', '),
}

/** Lets a page of any origin read the answer. */
export function allowAnyOrigin(response: Response): Response {
  for (const [name, value] of Object.entries(corsHeaders)) response.headers.set(name, value)
  return response
}

/** The answer to a browser that asks before it sends with one of these methods. */
export const preflightResponse = (methods: readonly string[]): Response =>
  new Response(null, {
    status: 204,
    headers: {
      ...corsHeaders,
      'access-control-allow-methods': [...methods, 'OPTIONS'].join(', '),
      // Clients that send files send the last one of their own accord.
      'access-control-allow-headers':
        'Authorization, Content-Type, X-API-Key, X-Workspace-Id, Apollo-Require-Preflight',
      'access-control-max-age': '7200',
    },
  })
