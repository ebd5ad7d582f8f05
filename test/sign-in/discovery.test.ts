import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { RequestError } from '../../src/errors.ts'
import { type Issuer, sendJson, startIssuer } from '../setup/issuer.ts'
import { issuerOptions } from './sign-in-world.ts'

let issuer: Issuer

beforeEach(async () => {
  issuer = await startIssuer()
})
afterEach(() => issuer.close())

/** The subject, or the code of the refusal. */
async function verify(options = issuerOptions(issuer), iss = options.issuer): Promise<string> {
  try {
    const token = await issuer.token({ iss })
    return (await createSignInVerifier(options).verify(token)).subject
  } catch (error) {
    return error instanceof RequestError ? error.code : String(error)
  }
}

test('keys are found by the discovery document, a final slash of the issuer or not', async () => {
  expect(await verify()).toBe('ada')
  const issuerWithSlash = `${issuer.url}/`
  issuer.metadata.issuer = issuerWithSlash
  expect(await verify({ issuer: issuerWithSlash, audience: issuer.audience })).toBe('ada')
})

test('a token that names another issuer is none of this one', async () => {
  expect(await verify(issuerOptions(issuer), `${issuer.url}/`)).toBe('UNAUTHENTICATED')
})

test.each<[string, (issuer: Issuer) => unknown]>([
  ['of another issuer', ({ metadata }) => Object.assign(metadata, { issuer: 'https://x.example' })],
  ['without keys', ({ metadata }) => Object.assign(metadata, { jwks_uri: undefined })],
  ['that names a file', ({ metadata }) => Object.assign(metadata, { jwks_uri: 'file:///keys' })],
  [
    'that is somewhere else',
    ({ url, metadata, pages }) => {
      pages.discovery = (res) => res.writeHead(302, { location: `${url}/userinfo` }).end()
      pages.userinfo = (res) => sendJson(res, 200, metadata)
    },
  ],
  [
    'that is an error',
    ({ metadata, pages }) => {
      pages.discovery = (res) => sendJson(res, 404, metadata)
    },
  ],
])('a discovery document %s gives no keys', async (_name, spoil) => {
  spoil(issuer)
  expect(await verify()).toBe('SERVICE_UNAVAILABLE')
})

test.each<[string, unknown]>([
  ['no list', { keys: 'x' }],
  ['a list of no keys', { keys: [7] }],
  ['an array', []],
  ['more than is read', { keys: [], padding: 'x'.repeat(2_000_000) }],
])('a key set that is %s is none', async (_name, body) => {
  issuer.pages.keys = (res) => sendJson(res, 200, body)
  expect(await verify()).toBe('SERVICE_UNAVAILABLE')
})
