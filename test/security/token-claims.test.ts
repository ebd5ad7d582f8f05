import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { done } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { createWorld } from '../setup/world.ts'
import { changed, claimsOf, expectRefused, headerOf, signed, verdictOn } from './forge.ts'

let token: string
let own: CryptoKey
let attacker: CryptoKeyPair
let attackerJwk: JWK

useWorkspace()
beforeAll(async () => {
  token = await mint()
  own = (await world.deps.signingKeys.current()).privateKey
  attacker = await generateKeyPair('EdDSA', { extractable: true })
  attackerJwk = { ...(await exportJWK(attacker.publicKey)), alg: 'EdDSA', use: 'sig' }
})

const mint = async (input = {}, secret = workspace.secret): Promise<string> =>
  (await done(world, secret, 'createAccessToken', 'token', input)).token

const seconds = () => Math.floor(Date.now() / 1_000)

/** The good token with each of these claims, or header parameters, signed by our own key. */
async function variants(
  kind: 'header' | 'claims',
  changes: Readonly<Record<string, object>>,
): Promise<Record<string, string>> {
  const entries = Object.entries(changes).map(async ([name, change]) => [
    name,
    await changed(token, { [kind]: change }, own),
  ])
  return Object.fromEntries(await Promise.all(entries))
}

/** Our own key signed them, so that nothing but the rule itself refuses them. */
const refuses = async (
  kind: 'header' | 'claims',
  changes: Readonly<Record<string, object>>,
): Promise<void> => {
  await expectRefused(world, 'UNKNOWN', await variants(kind, changes))
  expect(await verdictOn(world, token)).toBe('ACCEPTED')
}

// What another kind of token says must not pass for access (RFC 8725, 3.11).
test('only an access token by its type is one, in either spelling (RFC 9068, 4)', async () => {
  await refuses('header', {
    JWT: { typ: 'JWT' },
    none: { typ: undefined },
    'a security event': { typ: 'secevent+jwt' },
    'a proof of possession': { typ: 'dpop+jwt' },
    'a logout token': { typ: 'logout+jwt' },
    'an introspection': { typ: 'token-introspection+jwt' },
    parameters: { typ: 'at+jwt; charset=utf-8' },
    blanks: { typ: ' at+jwt' },
    'text/at+jwt': { typ: 'text/at+jwt' },
    'a list': { typ: ['at+jwt'] },
    null: { typ: null },
  })
  const idToken = { nonce: 'n', at_hash: 'h', aud: workspace.keyId }
  const idTokens = {
    'an ID token': await changed(token, { header: { typ: 'JWT' }, claims: idToken }, own),
    'an ID token for us': await changed(
      token,
      { header: { typ: undefined }, claims: { nonce: 'n', at_hash: 'h' } },
      own,
    ),
  }
  await expectRefused(world, 'UNKNOWN', idTokens)
  for (const typ of ['application/at+jwt', 'AT+JWT'])
    expect(await verdictOn(world, await changed(token, { header: { typ } }, own))).toBe('ACCEPTED')
})

test('a key id of ours, and nothing else, names the key', async () => {
  const kids = {
    absent: undefined,
    foreign: attackerJwk.x,
    empty: '',
    null: null,
    'a number': 0,
    true: true,
    'a list': [headerOf(token).kid],
    'an object': { kid: headerOf(token).kid },
    long: 'k'.repeat(8_000),
    NUL: `${headerOf(token).kid}\0`,
    'a lone surrogate': '\ud800',
    'a path': '../../../../dev/null',
    'a file': 'file:///etc/passwd',
    SQL: "' OR 1=1 --",
    'a prototype': '__proto__',
    'a constructor': 'constructor',
    'in upper case': String(headerOf(token).kid).toUpperCase(),
    'a blank more': `${headerOf(token).kid} `,
  }
  const headers = Object.entries(kids).map(([name, kid]) => [name, { kid }])
  await refuses('header', Object.fromEntries(headers))
})

// CVE-2018-0114 and its kind: a token must not bring the key that it is verified by.
test('a key in the header, or the address of one, is neither used nor fetched', async () => {
  let fetched = 0
  const server = createServer((_request, response) => {
    fetched += 1
    response.end(JSON.stringify({ keys: [attackerJwk] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  const kid = headerOf(token).kid
  const forged: Record<string, string> = {}
  for (const [name, header] of Object.entries({
    jwk: { jwk: attackerJwk },
    'jwk alone': { jwk: attackerJwk, kid: undefined },
    'jwk under our kid': { jwk: { ...attackerJwk, kid } },
    jku: { jku: url },
    'jku alone': { jku: url, kid: undefined },
    'jku of our own issuer': { jku: 'http://latchkey.test/.well-known/jwks.json' },
    x5u: { x5u: url },
    x5c: { x5c: [attackerJwk.x] },
    x5t: { x5t: 'AAAA', 'x5t#S256': 'AAAA' },
    'a kid that is an address': { kid: url },
  })) {
    forged[name] = await changed(token, { header }, attacker.privateKey)
    if (!('kid' in header)) forged[`${name}, by us`] = await changed(token, { header }, own)
  }
  await expectRefused(world, 'UNKNOWN', forged)
  expect(fetched).toBe(0)
})

// RFC 7515, 4.1.11: what must be understood, and is not, makes the token invalid.
test('no extension is taken for understood', async () => {
  await refuses('header', {
    'an unknown one': { crit: ['http://a.test/x'], 'http://a.test/x': true },
    'one that is not there': { crit: ['exp'] },
    'b64, false': { crit: ['b64'], b64: false },
    'b64, true': { crit: ['b64'], b64: true },
    'b64 without crit': { b64: false },
    'an empty list': { crit: [] },
    'no list': { crit: 'b64' },
    compression: { zip: 'DEF' },
    encryption: { enc: 'A256GCM' },
    'a content type': { cty: 'JWT' },
  })
})

test('a token is of this issuer, for this audience', async () => {
  const api = 'http://latchkey.test'
  await refuses('claims', {
    'another issuer': { iss: 'http://other.test' },
    'the issuer with a slash': { iss: `${api}/` },
    'the issuer in upper case': { iss: api.toUpperCase() },
    'the issuer in a list': { iss: [api] },
    'no name of an issuer': { iss: null },
    'another audience': { aud: 'https://other.example' },
    'other audiences': { aud: ['https://a.example', 'https://b.example'] },
    'the audience with a slash': { aud: `${api}/` },
    'the beginning of ours': { aud: 'http://latchkey' },
    'no audience': { aud: undefined },
    'an empty list': { aud: [] },
    null: { aud: null },
    'a list in a list': { aud: [[api]] },
    'an object': { aud: { [api]: true } },
  })
  const elsewhere = await mint({ audience: ['https://files.example', 'https://mail.example'] })
  await expectRefused(world, 'UNKNOWN', { 'minted for others': elsewhere })
  const both = await mint({ audience: ['https://files.example', api] })
  expect(await verdictOn(world, both)).toBe('ACCEPTED')
  expect(await verdictOn(world, await changed(token, { claims: { aud: api } }, own))).toBe(
    'ACCEPTED',
  )
})

test('every claim that we give is there and of its type, and the token names a live row', async () => {
  const other = await world.createWorkspace()
  const theirs = claimsOf(await mint({}, other.secret))
  const claims = claimsOf(token)
  await refuses('claims', {
    'no exp': { exp: undefined },
    'exp as text': { exp: String(claims.exp) },
    'exp null': { exp: null },
    'exp far away': { exp: seconds() + 10 * 365 * 86_400 },
    'exp beyond all numbers': { exp: Number.MAX_VALUE },
    'not yet': { nbf: seconds() + 3_600 },
    'nbf as text': { nbf: '0' },
    'no iat': { iat: undefined },
    'iat as text': { iat: String(claims.iat) },
    'no sub': { sub: undefined },
    'no jti': { jti: undefined },
    'jti empty': { jti: '' },
    'jti of nothing': { jti: `tok_${'0'.repeat(26)}` },
    'jti of a key': { jti: workspace.keyId },
    'jti a number': { jti: 7 },
    'jti a list': { jti: [claims.jti] },
    'jti with NUL': { jti: `${claims.jti}\0` },
    'jti with a wildcard': { jti: 'tok_%' },
    "another workspace's jti": { jti: theirs.jti },
    'another workspace': { 'latchkey:workspace': other.id },
    'no workspace': { 'latchkey:workspace': undefined },
    'a workspace of nothing': { 'latchkey:workspace': `wsp_${'0'.repeat(26)}` },
    'a workspace with NUL': { 'latchkey:workspace': 'wsp_\0' },
    'workspaces in a list': { 'latchkey:workspace': [workspace.id] },
  })
  const text = JSON.stringify(claims)
  const twice = (name: string, value: unknown): Promise<string> =>
    signed(
      headerOf(token) as Record<string, unknown>,
      text.replace(/}$/, `,"${name}":${JSON.stringify(value)}}`),
      own,
    )
  // Of two members of one name the last one counts, for every reader of ours (RFC 7519, 4).
  await expectRefused(world, 'UNKNOWN', {
    'iss twice': await twice('iss', 'http://other.test'),
    'aud twice': await twice('aud', 'https://other.example'),
    'jti twice': await twice('jti', theirs.jti),
  })
  await expectRefused(world, 'EXPIRED', { 'exp twice': await twice('exp', 1) })
})

// Rights are those of the row: what a thief of the signing key writes into the claims gives none.
test('no claim gives a right', async () => {
  const robot = await done(world, workspace.secret, 'createApiKey', 'secret', {
    name: 'Weak',
    permissions: ['workspace:read'],
  })
  const weak = await mint({}, robot.secret)
  const claims = {
    scope: '*',
    sub: workspace.keyId,
    client_id: workspace.keyId,
    'latchkey:user': workspace.ownerId,
    'latchkey:spaces': undefined,
    permissions: ['*'],
    role: 'OWNER',
  }
  const strong = await changed(weak, { claims }, own)
  const { data } = await world.gql(strong, '{ viewer { permissions apiKey { name } } }')
  expect(data.viewer).toEqual({ permissions: ['workspace:read'], apiKey: { name: 'Weak' } })
})

// The name is anybody's to set; the keys are not.
test('an installation of the same name and other keys is another one', async () => {
  const twin = await createWorld()
  onTestFinished(() => twin.close())
  const { secret } = await twin.createWorkspace()
  const { token: foreign } = await done(twin, secret, 'createAccessToken', 'token', {})
  expect(claimsOf(foreign).iss).toBe(claimsOf(token).iss)
  expect(await verdictOn(twin, foreign)).toBe('ACCEPTED')
  await expectRefused(world, 'UNKNOWN', { 'of a twin': foreign })
  await expectRefused(twin, 'UNKNOWN', { ours: token })
  const swapped = await changed(
    foreign,
    { header: { kid: headerOf(token).kid } },
    attacker.privateKey,
  )
  await expectRefused(world, 'UNKNOWN', { 'under our kid': swapped })
})
