import { createPublicKey } from 'node:crypto'
import { CompactEncrypt, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { otherLines } from '../setup/request-lines.ts'
import { done } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import {
  changed,
  claimsOf,
  expectRefused,
  headerOf,
  part,
  partsOf,
  signed,
  verdictOn,
} from './forge.ts'

let statements: Statements
let world: World
let workspace: TestWorkspace
let token: string
/** The installation's own, as whoever steals it would use it. */
let own: CryptoKey
let attacker: CryptoKeyPair

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  token = await mint()
  own = (await world.deps.signingKeys.current()).privateKey
  attacker = await generateKeyPair('EdDSA', { extractable: true })
  expect(await verdictOn(world, token)).toBe('ACCEPTED')
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const mint = async (input = {}, secret = workspace.secret): Promise<string> =>
  (await done(world, secret, 'createAccessToken', 'token', input)).token

const seconds = () => Math.floor(Date.now() / 1_000)
const flipped = (text: string, at: number): string => {
  const bytes = Buffer.from(text, 'base64url')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes.toString('base64url')
}

/** Refuses them all for that reason, and a good one not; without a word to the database. */
async function refuses(reason: string, forged: Readonly<Record<string, string>>): Promise<void> {
  const isAsked = (text: string) => /^\s*SELECT/.test(text) && !text.includes('"SigningKey"')
  const [from, logged] = [statements.sent.length, world.logs.length]
  await expectRefused(world, reason, forged)
  expect(statements.sent.slice(from).filter(isAsked)).toEqual([])
  expect(otherLines(world.logs.slice(logged))).toEqual([])
  expect(await verdictOn(world, token)).toBe('ACCEPTED')
}

// RFC 8725, 2.1: a token must not choose how it is verified.
test('no other algorithm than ours is taken, least of all none or one with our public key', async () => {
  const { payload, signature } = partsOf(token)
  const { kid } = headerOf(token)
  const jwk = (await world.deps.signingKeys.published())[0] ?? {}
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  const secrets = {
    JWK: JSON.stringify(jwk),
    'the bare JWK': JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }),
    x: jwk.x ?? '',
    'the bytes of x': Buffer.from(jwk.x ?? '', 'base64url'),
    PEM: publicKey.export({ format: 'pem', type: 'spki' }),
    DER: publicKey.export({ format: 'der', type: 'spki' }),
  }
  const hmacs = Object.entries(secrets).flatMap(([name, secret]) =>
    ['HS256', 'HS512'].map(async (alg): Promise<[string, string]> => {
      const input = `${part({ alg, typ: 'at+jwt', kid })}.${payload}`
      const key = await crypto.subtle.importKey(
        'raw',
        Buffer.from(secret),
        { name: 'HMAC', hash: `SHA-${alg.slice(2)}` },
        false,
        ['sign'],
      )
      const mac = await crypto.subtle.sign('HMAC', key, Buffer.from(input))
      return [`${alg} by ${name}`, `${input}.${Buffer.from(mac).toString('base64url')}`]
    }),
  )
  const nones = ['none', 'None', 'NONE', 'nOnE', '', 'EdDSA ', 'eddsa', 'Ed448', 'HS256', 'ES256']
  const others = await Promise.all(
    ['ES256', 'RS256', 'PS512'].map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg)
      const header = { alg, typ: 'at+jwt', kid: `${kid}` }
      return [alg, await new SignJWT(claimsOf(token)).setProtectedHeader(header).sign(privateKey)]
    }),
  )
  await refuses('UNKNOWN', {
    ...Object.fromEntries(await Promise.all(hmacs)),
    ...Object.fromEntries(others),
    ...Object.fromEntries(
      nones.map((alg) => [
        `${alg} with our signature`,
        `${part({ ...headerOf(token), alg })}.${payload}.${signature}`,
      ]),
    ),
    'no alg': await changed(token, { header: { alg: undefined } }, own),
    'alg in a list': await changed(token, { header: { alg: ['EdDSA'] } }, own),
    'alg twice, ours last': await signed(
      `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      claimsOf(token),
      attacker.privateKey,
    ),
    'alg twice, none last': await signed(
      `{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"${kid}"}`,
      claimsOf(token),
      own,
    ),
  })
  await refuses('MALFORMED', {
    'none without a signature': new UnsecuredJWT(claimsOf(token)).encode(),
    'None without a signature': `${part({ alg: 'None', typ: 'at+jwt', kid })}.${payload}.`,
    'our header without a signature': `${partsOf(token).header}.${payload}.`,
    'two parts': `${partsOf(token).header}.${payload}`,
  })
})

test('a signature is ours, of these very bytes, in its one spelling', async () => {
  const { header, payload, signature } = partsOf(token)
  const other = partsOf(await mint())
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const respelled = [...alphabet].map((last) => signature.slice(0, -1) + last)
  const sameBytes = respelled.filter(
    (text) =>
      text !== signature &&
      Buffer.from(text, 'base64url').equals(Buffer.from(signature, 'base64url')),
  )
  expect(sameBytes).toHaveLength(15)
  // Ed25519 (RFC 8032, 5.1.7): S plus the order of the group is the same S to a careless verifier.
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
  const malleated = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
  ])
  await refuses('UNKNOWN', {
    'S beyond the order': `${header}.${payload}.${malleated.toString('base64url')}`,
    'a bit of R': `${header}.${payload}.${flipped(signature, 0)}`,
    'a bit of S': `${header}.${payload}.${flipped(signature, 63)}`,
    zeros: `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    "another token's": `${header}.${payload}.${other.signature}`,
    "another token's claims": `${header}.${other.payload}.${signature}`,
    'one byte': `${header}.${payload}.AA`,
    'by another key under our kid': await changed(token, {}, attacker.privateKey),
    'claims spelled anew': `${header}.${part(JSON.stringify(claimsOf(token), null, 1))}.${signature}`,
  })
  const standard = (text: string) => `+${text.slice(1, -1)}/`
  await refuses('MALFORMED', {
    ...Object.fromEntries(
      sameBytes.map((text) => [text.slice(-1), `${header}.${payload}.${text}`]),
    ),
    'a padded signature': `${token}==`,
    'a padded header': `${header}=.${payload}.${signature}`,
    'a padded payload': `${header}.${payload}=.${signature}`,
    'standard base64': `${header}.${payload}.${standard(signature)}`,
    'a dot more': `${token}.`,
    'a dot before': `.${token}`,
    'two dots': `${header}..${payload}.${signature}`,
    'four parts': `${token}.${signature}`,
    'a blank in it': `${header}.${payload} .${signature}`,
    'another one behind': `${token} ${token}`,
    'a comma and another': `${token},${token}`,
    'an escaped newline': `${token}%0a`,
    quotes: `"${token}"`,
    'in upper case': token.toUpperCase().replace(/$/, '!'),
  })
})

test('a token that is cut short anywhere is refused', async () => {
  const { header, payload } = partsOf(token)
  const [a, b, c] = [header.length, header.length + 1 + payload.length, token.length]
  const around = [a, b, c].flatMap((end) => [-2, -1, 0, 1, 2].map((more) => end + more))
  const evenly = Array.from({ length: 40 }, (_, index) => Math.floor((index * c) / 40))
  for (const length of [...around, ...evenly].filter((at) => at > 0 && at < c))
    expect([length, await verdictOn(world, token.slice(0, length))]).toEqual([
      length,
      expect.stringMatching(/^401 (MALFORMED|UNKNOWN)$/),
    ])
})

test('what is no signed token at all is malformed', async () => {
  const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(claimsOf(token))))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'at+jwt' })
    .encrypt(new Uint8Array(32))
  const { header, payload, signature } = partsOf(token)
  await refuses('MALFORMED', {
    'a JWE': jwe,
    'JSON serialization': JSON.stringify({ protected: header, payload, signature }),
    'no JSON in the payload': `${header}.${part('no JSON')}.${signature}`,
    'a list for claims': `${header}.${part('[]')}.${signature}`,
    'null for claims': `${header}.${part('null')}.${signature}`,
    'half of UTF-8': `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`,
    'no issuer': await changed(token, { claims: { iss: undefined } }, own),
    'a token id': `${claimsOf(token).jti}`,
    '100 kB': `${header}.${part({ ...claimsOf(token), a: 'a'.repeat(100_000) })}.${signature}`,
    '100 kB of signature': `${header}.${payload}.${'A'.repeat(100_000)}`,
  })
  await refuses('UNKNOWN', {
    'no JSON in the header': `${part('no JSON')}.${payload}.${signature}`,
    'a list for a header': `${part('[]')}.${payload}.${signature}`,
    'a header of nothing': `${part({})}.${payload}.${signature}`,
    'a deep header': `${part(`{"alg":${'['.repeat(2_000)}${']'.repeat(2_000)}}`)}.${payload}.${signature}`,
  })
})

test('a token that was signed by us and is over is told so, and no other one is', async () => {
  const over = { iat: seconds() - 7_200, exp: seconds() - 3_600 }
  await refuses('EXPIRED', { ours: await changed(token, { claims: over }, own) })
  await refuses('UNKNOWN', {
    'by another key': await changed(token, { claims: over }, attacker.privateKey),
    'of another type': await changed(token, { claims: over, header: { typ: 'JWT' } }, own),
    'with a key id of nobody': await changed(token, { claims: over, header: { kid: 'x' } }, own),
    'of another issuer': await changed(token, { claims: { ...over, iss: 'http://a.test' } }, own),
  })
})
