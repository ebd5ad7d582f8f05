import { expect, test } from 'vitest'
import { useWorld, world } from '../setup/use-world.ts'
import { serve } from './listening.ts'

useWorld()

const send = (path: string, init: RequestInit = {}): Promise<Response> =>
  world.app.fetch(
    new Request(`http://latchkey.test${path}`, {
      ...init,
      headers: { origin: 'https://app.example', ...init.headers },
    }),
  )

const paths = [
  '/graphql',
  '/graphql/',
  '/',
  '/health',
  '/ready',
  '/metrics',
  '/documents/doc_x',
  '/oauth/token',
  '/oauth/introspect',
  '/oauth/revoke',
  '/.well-known/oauth-authorization-server',
  '/.well-known/jwks.json',
  '/nothing',
]

/** What a browser is allowed that asks with these headers before it sends. */
async function allowed(asked: string | undefined, path = '/graphql') {
  const { status, headers } = await send(path, {
    method: 'OPTIONS',
    headers: {
      'access-control-request-method': 'POST',
      ...(asked !== undefined && { 'access-control-request-headers': asked }),
    },
  })
  expect(status).toBe(204)
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('access-control-allow-credentials')).toBeNull()
  expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST')
  expect(headers.get('access-control-max-age')).toBe('7200')
  expect(headers.get('vary')).toContain('access-control-request-headers')
  return headers.get('access-control-allow-headers')
}

// Monitoring and clients add headers of their own to each request.
test.each([
  'authorization, content-type, baggage, sentry-trace, traceparent',
  'apollographql-client-name,apollographql-client-version,authorization,content-type',
  'x-api-key',
  "a!#$%&'*+.^_`|~-9, b",
  Array.from({ length: 100 }, (_, index) => `x-header-${index}`).join(','),
])('the headers %s are allowed', async (asked) => {
  for (const path of paths) expect(await allowed(asked, path)).toBe(asked)
})

test.each([
  undefined,
  '',
  ',',
  'a b',
  'a, <script>',
  'a; b',
  'a:b',
  '"a"',
  `x,${'y,'.repeat(200)}z`,
])('what is no list of names is not sent back: %s', async (asked) => {
  expect(await allowed(asked)).toBe('Authorization, Content-Type, X-API-Key, X-Workspace-Id')
})

const told = [
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
]

test.each([...paths, '/verify', '/verify/x'])('a page may read any answer of %s', async (path) => {
  for (const init of [
    {},
    { method: 'POST' },
    { method: 'PUT' },
    { headers: { accept: 'image/png' } },
    { headers: { accept: 'text/html' } },
    { headers: { authorization: 'Bearer nonsense' } },
    { headers: { authorization: 'Bearer a', 'x-api-key': 'b' } },
  ]) {
    const { headers, status } = await send(path, init)
    const shown = [path, init, status, headers.get('access-control-allow-origin')]
    expect(shown).toEqual([path, init, status, '*'])
    expect(headers.get('access-control-expose-headers')?.split(', ')).toEqual(told)
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  }
})

test('a page may also read why the server took no request', async () => {
  const { url } = await serve(world.app.fetch)
  const { status, headers } = await fetch(`${url}/graphql`, {
    method: 'POST',
    body: 'x'.repeat(2_000_000),
  })
  expect([status, headers.get('access-control-allow-origin')]).toEqual([413, '*'])
})
