import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { endpoint } from '../../src/http/routes/oauth/endpoint.ts'
import { responseOf } from '../../src/http/routes/route.ts'
import { createServerContext } from '../../src/http/server-context.ts'
import { serve } from '../http/listening.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { failure, send } from './ask.ts'

useWorld()

const get = { method: 'GET' }

const documents = ['/.well-known/oauth-authorization-server', '/.well-known/jwks.json']
const forms = ['/oauth/token', '/oauth/introspect', '/oauth/revoke']

test('the authorization server says where it is and what it can', async () => {
  const { status, headers, body } = await send(
    world,
    '/.well-known/oauth-authorization-server',
    {},
    get,
  )
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  const { scopes_supported: scopes, ...rest } = body
  expect(rest).toEqual({
    issuer: 'http://latchkey.test',
    token_endpoint: 'http://latchkey.test/oauth/token',
    introspection_endpoint: 'http://latchkey.test/oauth/introspect',
    revocation_endpoint: 'http://latchkey.test/oauth/revoke',
    jwks_uri: 'http://latchkey.test/.well-known/jwks.json',
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    introspection_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'Bearer',
    ],
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  })
  const query = '{ permissions { name includes } }'
  const { data } = await world.gql((await world.createWorkspace()).secret, query)
  const isAlias = ({ includes }: { includes: string[] }): boolean => includes.length > 0
  const names = data.permissions.filter((one: any) => !isAlias(one)).map((one: any) => one.name)
  expect([...scopes].sort()).toEqual(names.sort())
})

// RFC 9728, 3.3: the resource is what the client asked, to the character.
test.each(['', '/graphql'])('the API says at whose tokens it looks%s', async (path) => {
  const address = `/.well-known/oauth-protected-resource${path}`
  const { status, headers, body } = await send(world, address, {}, get)
  expect([status, headers.get('content-type')?.split(';')[0]]).toEqual([200, 'application/json'])
  const { scopes_supported: scopes, ...rest } = body
  expect(rest).toEqual({
    resource: `http://latchkey.test${path}`,
    authorization_servers: ['http://latchkey.test'],
    jwks_uri: 'http://latchkey.test/.well-known/jwks.json',
    bearer_methods_supported: ['header'],
    resource_name: 'Latchkey',
  })
  expect(scopes).toContain('agents:read')
})

test('a refused request leads to a token by what the answers say alone', async () => {
  const { secret } = await world.createWorkspace()
  const { data } = await world.gql(secret, '{ viewer { apiKey { id } } }')
  const refused = await world.gql(null, '{ viewer { kind } }')
  const [, metadata = ''] =
    /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? []
  const pathOf = (url: string): string => new URL(url).pathname
  const { body: resource } = await send(world, pathOf(metadata), {}, get)
  const [server = ''] = resource.authorization_servers
  expect(server).toBe('http://latchkey.test')
  const { body: as } = await send(world, '/.well-known/oauth-authorization-server', {}, get)
  const form = {
    grant_type: 'client_credentials',
    client_id: data.viewer.apiKey.id,
    client_secret: secret,
    resource: resource.resource,
  }
  const { body: answer } = await send(world, pathOf(as.token_endpoint), form)
  expect((await world.gql(answer.access_token, '{ viewer { kind } }')).data.viewer.kind).toBe(
    'ACCESS_TOKEN',
  )
})

// A private part in the key set would let everybody sign.
test('the key set holds public keys alone, the coming one too', async () => {
  const { status, headers, body } = await send(world, '/.well-known/jwks.json', {}, get)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/jwk-set+json')
  const shape = {
    kty: 'OKP',
    crv: 'Ed25519',
    x: expect.stringMatching(/^[\w-]{43}$/),
    kid: expect.stringMatching(/^[\w-]{43}$/),
    use: 'sig',
    alg: 'EdDSA',
  }
  expect(body).toEqual({ keys: [shape] })
  const { id } = await world.deps.signingKeys.rotate()
  const after = (await send(world, '/.well-known/jwks.json', {}, get)).body
  expect(after).toEqual({ keys: [shape, { ...shape, kid: id }] })
  expect(after.keys[0]).toEqual(body.keys[0])
})

test.each(documents)('%s may be kept for a while, and read by any page', async (path) => {
  const { headers } = await send(world, path, {}, get)
  expect(headers.get('cache-control')).toBe('public, max-age=300')
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('access-control-allow-credentials')).toBeNull()
  expect((await send(world, path, {}, { method: 'HEAD' })).status).toBe(200)
})

test.each([
  ...documents.map((path) => [path, 'POST', 'GET, HEAD, OPTIONS']),
  ...documents.map((path) => [path, 'DELETE', 'GET, HEAD, OPTIONS']),
  ...forms.flatMap((path) => [
    [path, 'GET', 'POST, OPTIONS'],
    [path, 'PUT', 'POST, OPTIONS'],
    [path, 'HEAD', 'POST, OPTIONS'],
  ]),
])('%s answers %s with what it does allow', async (path = '', method = '', allow) => {
  const answer = await send(world, path, {}, { method })
  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe(allow)
  expect(answer.body).toMatchObject({ error: 'invalid_request' })
})

test.each(forms)('%s: what is no form is refused, and nothing keeps the answer', async (path) => {
  const options = { headers: { 'content-type': 'application/json', origin: 'https://a.example' } }
  const answer = await send(world, path, '{"token":"x"}', options)
  expect(failure(answer)).toBe('400 invalid_request')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('pragma')).toBe('no-cache')
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(failure(await send(world, path, 'token=a&token=b'))).toBe('400 invalid_request')
})

test.each(['/oauth', '/OAUTH/token', '/x/oauth/token', '/oauth//token'])(
  '%s is no endpoint',
  async (path) => {
    expect((await send(world, path)).status).toBe(404)
  },
)

// Over a socket a body that is not read to its end could take the answer with it.
test('a form that is too large gets its answer over a socket, and so does the next request', async () => {
  const { url } = await serve(world.app.fetch)
  for (const size of [100_000, 900_000]) {
    const response = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ scope: 'x'.repeat(size) }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
  }
  expect((await fetch(`${url}/.well-known/jwks.json`)).status).toBe(200)
})

test('of a fault nothing is told but the id that the log has it under', async () => {
  const { logs, deps } = world
  const broken = endpoint(deps, 'GET', () => Promise.reject(new Error('the cause')))
  const { state } = createServerContext({})
  const { requestId: id } = state
  const fetch: App['fetch'] = async (request) => responseOf(await broken({ request, state }), id)
  const answer = await send({ app: { fetch } }, '/', {}, get)
  expect(failure(answer)).toBe('500 server_error')
  expect(answer.text).not.toContain('cause')
  expect(answer.headers.get('x-request-id')).toBe(id)
  expect(logs.filter((line) => line.includes(id) && line.includes('the cause'))).toHaveLength(1)
})
