import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { useWorld, world } from '../setup/use-world.ts'

useWorld()

const send = (path: string, init?: RequestInit): Promise<Response> =>
  world.app.fetch(new Request(`http://latchkey.test${path}`, init))

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

// Only to a path that there is, so that nobody is sent elsewhere.
test.each([
  ['/graphql/', '/graphql'],
  ['/graphql/?query=%7B__typename%7D&a=/b/', '/graphql?query=%7B__typename%7D&a=/b/'],
  ['/graphql/?', '/graphql?'],
  ['/health/', '/health'],
  ['/metrics/', '/metrics'],
  ['/oauth/token/', '/oauth/token'],
  ['/.well-known/jwks.json/', '/.well-known/jwks.json'],
])('%s is sent on to %s, whatever the method', async (path, location) => {
  for (const init of [
    {},
    { headers: browser },
    { method: 'HEAD' },
    { method: 'POST', body: '{}' },
  ]) {
    const { status, headers } = await send(path, init)
    expect([status, headers.get('location')]).toEqual([308, location])
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  }
})

test.each([
  '//evil.example/',
  '/%2fevil.example/',
  '/\\evil.example/',
  '//evil.example/graphql/',
  '//evil.example//graphql/',
  '/graphql//',
  '/graphql///',
  '/nothing/',
  '/graphql%2f',
])('%s is sent nowhere', async (path) => {
  const { status, headers } = await send(path)
  expect([status, headers.get('location')]).toEqual([404, null])
})

test('/ shows a browser GraphiQL, as /graphql does, and answers a probe', async () => {
  const page = await send('/', { headers: browser })
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(await page.text()).toBe(await (await send('/graphql', { headers: browser })).text())
  for (const headers of [{}, { accept: '*/*' }, { 'user-agent': 'GoogleHC/1.0' }]) {
    const probe = await send('/', { headers })
    expect([probe.status, await probe.json()]).toEqual([200, { status: 'ok' }])
    expect((await send('/', { method: 'HEAD', headers })).status).toBe(200)
  }
  // An operation that is sent there by mistake must not look as if it had been done.
  expect((await send('/', { method: 'POST', body: '{}' })).status).toBe(404)
})

test('without GraphiQL / answers a browser like a probe', async () => {
  const options = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  const app = createApp(world.deps, options)
  const page = await app.fetch(new Request('http://latchkey.test/', { headers: browser }))
  expect([page.status, await page.json()]).toEqual([200, { status: 'ok' }])
})
