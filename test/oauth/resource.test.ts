import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'
import { type Client, failure, type OAuthAnswer, send } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (): Promise<Client> =>
  seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['workspace:read', 'agents:read'],
    allSpaces: true,
  })

const grant = ['grant_type', 'client_credentials'] as const

/** Asks for a token as that client, by Basic authentication. */
const ask = (
  client: Client,
  more: Record<string, string> | [string, string][] = {},
): Promise<OAuthAnswer> => {
  const pairs = Array.isArray(more) ? more : Object.entries(more)
  return send(world, '/oauth/token', [grant, ...pairs], { client })
}

test.each([
  'http://latchkey.test/',
  'HTTP://LATCHKEY.test:80',
  'http://latchkey.test/graphql',
  'http://latchkey.test/documents/doc_1?x=1',
])('resource=%s is this API', async (resource) => {
  const { body } = await ask(await makeKey(), { resource })
  expect(decodeJwt(body.access_token).aud).toEqual(['http://latchkey.test'])
  expect(typeof (await view(world, body.access_token))).toBe('object')
})

test.each([
  'http://latchkey.test.evil.example/',
  'https://latchkey.test/',
  'http://latchkey.test:8080/',
  'http://latchkey.test@evil.example/',
  'http://user@latchkey.test/',
  'http://:word@latchkey.test/',
  'blob:http://latchkey.test/1',
])('resource=%s is another API', async (resource) => {
  const { body } = await ask(await makeKey(), { resource })
  expect(decodeJwt(body.access_token).aud).toEqual([resource])
  expect(await view(world, body.access_token)).not.toHaveProperty('permissions')
})

// Auth0 and others read it in the place of resource: a token for this API is not what was asked for.
test('audience is refused, and named', async () => {
  const answer = await ask(await makeKey(), { audience: 'https://other.example' })
  expect(failure(answer)).toBe('400 invalid_request')
  expect(answer.body.error_description).toBe(
    'audience is not read; name whom the token is for in resource (RFC 8707).',
  )
})

// RFC 8707: the token is for who is named, and then not for this API.
test('resource says whom the token is for', async () => {
  const key = await makeKey()
  const resources = ['https://a.example/api', 'urn:b', 'http://latchkey.test']
  const { body } = await ask(
    key,
    resources.map((uri) => ['resource', uri]),
  )
  expect(decodeJwt(body.access_token).aud).toEqual(resources)
  expect(typeof (await view(world, body.access_token))).toBe('object')
  const foreign = await ask(key, { resource: 'https://a.example/api' })
  expect(decodeJwt(foreign.body.access_token).aud).toEqual(['https://a.example/api'])
  expect(await view(world, foreign.body.access_token)).toBe('UNKNOWN')
})

test.each([
  ['no URI', ['here']],
  ['a relative one', ['/api']],
  ['one without a scheme', ['//a.example']],
  ['a fragment', ['https://a.example/#x']],
  ['an empty fragment', ['https://a.example/#']],
  ['a blank', ['https://a.example/ x']],
  ['six of them', [1, 2, 3, 4, 5, 6].map((n) => `https://a.example/${n}`)],
  ['a good one and a bad one', ['https://a.example', 'here']],
])('resource: %s is invalid_target', async (_, resources) => {
  const pairs = resources.map((uri): [string, string] => ['resource', uri])
  expect(failure(await ask(await makeKey(), pairs))).toBe('400 invalid_target')
})
