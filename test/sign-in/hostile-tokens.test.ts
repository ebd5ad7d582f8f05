import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKey } from '../setup/issuer.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
const refused = '401 UNAUTHENTICATED UNKNOWN'

const algorithms = ['ES256', 'ES384', 'ES512', 'RS256', 'PS512', 'EdDSA']

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  for (const alg of algorithms.slice(1)) signIn.issuer.keys.push(await makeKey(`by-${alg}`, alg))
})
afterAll(() => signIn.close())

const tell = async (token: string) => {
  const who = await whoIs(signIn.world, token)
  return typeof who === 'string' ? who : who.kind
}
const now = () => Math.floor(Date.now() / 1_000)
const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

test('a token of the issuer, for this audience, signs a person in', async () => {
  expect(await tell(await signIn.issuer.token())).toBe('HUMAN')
})

test.each([
  ['no type', { typ: undefined }],
  ['JWT', { typ: 'JWT' }],
  ['at+jwt', { typ: 'AT+JWT' }],
  ['its whole media type', { typ: 'application/at+jwt' }],
])('a header may say: %s', async (_name, header) => {
  expect(await tell(await signIn.issuer.token({}, { header }))).toBe('HUMAN')
})

test.each(algorithms)('%s keys are taken', async (alg) => {
  const key = signIn.issuer.keys.find((one) => one.alg === alg)
  if (key === undefined) throw new Error('no such key')
  expect(await tell(await signIn.issuer.token({}, { key }))).toBe('HUMAN')
})

test.each([
  ['another audience', { aud: 'https://other.example' }],
  ['a list of other audiences', { aud: ['a', 'b'] }],
  ['no audience', { aud: undefined }],
  ['no subject', { sub: undefined }],
  ['an empty subject', { sub: '' }],
  ['a subject that is no text', { sub: 7 }],
  ['a subject of controls', { sub: 'a\u0000b' }],
  ['an endless subject', { sub: 'a'.repeat(256) }],
  ['no expiry', { exp: undefined }],
  ['an expiry that is no number', { exp: '9999999999' }],
  ['a future', { nbf: now() + 60 }],
  ['a nonce, as an ID token', { nonce: 'n' }],
  ['at_hash, as an ID token', { at_hash: 'h' }],
  ['c_hash, as an ID token', { c_hash: 'h' }],
  ['the type of an ID token', { typ: 'ID' }],
  ['the use of an ID token', { token_use: 'id' }],
  ['an event, as a logout token', { events: {} }],
])('refuses a token with %s', async (_name, claims) => {
  expect(await tell(await signIn.issuer.token(claims))).toBe(refused)
})

test.each([
  { typ: 'id+jwt' },
  { typ: 'logout+jwt' },
  { typ: 'at+jwt; charset=x' },
  { typ: ['at+jwt'] },
  { typ: null },
  { crit: ['b64'], b64: false },
  { crit: ['x'], x: 1 },
])('refuses the header %j', async (header) => {
  const token = await signIn.issuer.token({}, { header }).catch(() => forged(header))
  expect(await tell(token)).toBe(refused)
})

/** What no signer signs: a good token's signature under another header. */
async function forged(header: object): Promise<string> {
  const [first = '', payload, signature] = (await signIn.issuer.token()).split('.')
  const own = JSON.parse(Buffer.from(first, 'base64url').toString())
  return [base64url({ ...own, ...header }), payload, signature].join('.')
}

test('an audience among others is enough', async () => {
  const { audience } = signIn.issuer
  expect(await tell(await signIn.issuer.token({ aud: ['other', audience] }))).toBe('HUMAN')
})

test('tells that it has expired, only of what the issuer signed for us', async () => {
  const { issuer } = signIn
  const expired = { exp: now() - 31 }
  expect(await tell(await issuer.token(expired))).toBe('401 UNAUTHENTICATED EXPIRED')
  expect(await tell(await issuer.token({ ...expired, aud: 'other' }))).toBe(refused)
  const strange = await makeKey('first')
  expect(await tell(await issuer.token(expired, { key: strange }))).toBe(refused)
})

test('a signature of another key with the same name is refused', async () => {
  const key = await makeKey('first')
  expect(await tell(await signIn.issuer.token({}, { key }))).toBe(refused)
})

test('a key in the header is not used', async () => {
  const { issuer } = signIn
  const key = await makeKey('mine')
  for (const header of [
    { kid: undefined, jwk: key.publicJwk },
    { jku: `${issuer.url}/keys-of-mine` },
    { kid: 'first', jwk: key.publicJwk },
  ])
    expect(await tell(await issuer.token({}, { key, header }))).toBe(refused)
})

test('another issuer is nobody', async () => {
  const token = await signIn.issuer.token({ iss: 'https://other.example' })
  expect(await tell(token)).toBe(refused)
  expect(await tell(await signIn.issuer.token({ iss: `${signIn.issuer.url}/` }))).toBe(refused)
})

test('no signature, and a signature with the public key as a secret, are none', async () => {
  const { issuer, audience } = { ...signIn.issuer, issuer: signIn.issuer.url }
  const claims = { iss: issuer, aud: audience, sub: 'ada', exp: now() + 60 }
  const unsigned = new UnsecuredJWT(claims).encode()
  expect(await tell(unsigned)).toBe('401 UNAUTHENTICATED MALFORMED')
  const [, payload, signature] = (await signIn.issuer.token()).split('.')
  expect(await tell([base64url({ alg: 'none' }), payload, signature].join('.'))).toBe(refused)

  const rsa = signIn.issuer.keys.find(({ alg }) => alg === 'RS256')
  if (rsa === undefined) throw new Error('no such key')
  const publicKey = createPublicKey({ key: rsa.publicJwk as JsonWebKey, format: 'jwk' })
  for (const secret of [
    publicKey.export({ type: 'spki', format: 'pem' }),
    publicKey.export({ type: 'spki', format: 'der' }),
    JSON.stringify(rsa.publicJwk),
  ]) {
    const token = new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: rsa.kid })
      .sign(Buffer.from(secret))
    expect(await tell(await token)).toBe(refused)
  }
})

test('what is cut, padded, spelt otherwise, or very long is no token', async () => {
  const token = await signIn.issuer.token()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const standard = Buffer.from(signature, 'base64url').toString('base64')
  // The last character of 64 bytes holds four bits that count and two that do not.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const next = alphabet.charAt(alphabet.indexOf(signature.slice(-1)) + 1)
  const others = [
    `${token}==`,
    `${header}.${payload}.${standard}`,
    `${header}.${payload}.${signature.slice(0, -1)}${next}`,
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `.${payload}.${signature}`,
    `${token}.`,
    await signIn.issuer.token({ padding: 'x'.repeat(100_000) }),
  ]
  for (const other of others) expect(await tell(other)).toMatch(/^401 UNAUTHENTICATED M/)
  for (let end = 1; end < token.length; end += 9)
    expect(await tell(token.slice(0, end))).toMatch(/^401 UNAUTHENTICATED (MALFORMED|UNKNOWN)$/)
})

test('parts that are no JSON objects are refused', async () => {
  const [header, payload, signature] = (await signIn.issuer.token()).split('.')
  for (const part of [[], 'x', null, 7])
    for (const token of [
      [base64url(part), payload, signature].join('.'),
      [header, base64url(part), signature].join('.'),
    ])
      expect(await tell(token)).toMatch(/^401 UNAUTHENTICATED (MALFORMED|UNKNOWN)$/)
})

test('one changed character, wherever it is, makes it no token', async () => {
  const token = await signIn.issuer.token()
  for (let at = 0; at < token.length; at += 3) {
    if (token[at] === '.') continue
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(await tell(changed)).toMatch(/^401 UNAUTHENTICATED (MALFORMED|UNKNOWN)$/)
  }
  expect(signIn.issuer.requests.keys).toBeLessThan(3)
})
