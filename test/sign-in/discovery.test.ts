import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { RequestError } from '../../src/errors.ts'
import { type Issuer, type IssuerKey, makeKey, sendJson, startIssuer } from '../setup/issuer.ts'
import { issuerOptions } from './sign-in-world.ts'

let issuer: Issuer
const p256 = (await makeKey('first')).publicJwk

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
  ['empty', { keys: [] }],
  ['of secrets', { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'first' }] }],
  ['of keys that encrypt', { keys: [{ ...p256, use: 'enc' }] }],
  ['of private keys', { keys: [{ ...p256, d: p256.x }] }],
  ['more than is read', { keys: [], padding: 'x'.repeat(2_000_000) }],
])('a key set that is %s is none', async (_name, body) => {
  issuer.pages.keys = (res) => sendJson(res, 200, body)
  expect(await verify()).toBe('SERVICE_UNAVAILABLE')
})

test('of several keys that a token may mean each is tried, and one that is none of them fails', async () => {
  const [first, ...others] = [...issuer.keys, await makeKey('second'), await makeKey('third')]
  if (first === undefined) throw new Error('the issuer has no key')
  issuer.pages.keys = (res) => {
    const published = [...others, first].map(({ publicJwk: { kid: _, ...jwk } }) => jwk)
    sendJson(res, 200, { keys: published })
  }
  const verifier = createSignInVerifier(issuerOptions(issuer))
  const subjectBy = async (key: IssuerKey, claims = {}) => {
    const token = await issuer.token(claims, { key, header: { kid: undefined } })
    return await verifier.verify(token).then(
      ({ subject }) => subject,
      (error) => error.details.reason,
    )
  }
  for (const key of [first, ...others]) expect(await subjectBy(key)).toBe('ada')
  expect(await subjectBy(first, { exp: 1 })).toBe('EXPIRED')
  expect(await subjectBy(first, { aud: 'other' })).toBe('UNKNOWN')
  expect(await subjectBy(await makeKey('strange'))).toBe('UNKNOWN')
})

test('of very many keys that a token may mean not all are tried', async () => {
  const last = await makeKey('last')
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => makeKey(`k${i}`)))
  issuer.keys.push(...many, last)
  issuer.pages.keys = (res) =>
    sendJson(res, 200, { keys: issuer.keys.map(({ publicJwk: { kid: _, ...jwk } }) => jwk) })
  const token = await issuer.token({}, { key: last, header: { kid: undefined } })
  await expect(createSignInVerifier(issuerOptions(issuer)).verify(token)).rejects.toMatchObject({
    details: { reason: 'UNKNOWN' },
  })
})
