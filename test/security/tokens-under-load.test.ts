import { generateKeyPair } from 'jose'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { exchange, serve } from '../http/listening.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { done } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { changed, presented, verdictOn } from './forge.ts'

let statements: Statements
let world: World
let workspace: TestWorkspace
let token: string
let attacker: CryptoKey

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  token = await mint()
  attacker = (await generateKeyPair('EdDSA')).privateKey
})
afterEach(() => {
  statements.answering = () => undefined
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const mint = async (): Promise<string> =>
  (await done(world, workspace.secret, 'createAccessToken', 'token', {})).token

const unknownKid = (index: number): Promise<string> =>
  changed(token, { header: { kid: `unknown ${index}` } }, attacker)

test('a token is a credential like any other, in either header, and nowhere else', async () => {
  const other = await mint()
  const bearer = { authorization: `Bearer ${token}` }
  for (const headers of [
    bearer,
    { authorization: `bearer   ${token} ` },
    { 'x-api-key': token },
    { 'x-api-key': ` ${token}\t` },
    { ...bearer, 'x-api-key': token },
  ])
    expect([headers, await presented(world, headers)]).toEqual([headers, 'ACCEPTED'])
  for (const second of [other, workspace.secret, createApiKeySecret('lk'), `${token}=`, 'nonsense'])
    expect(await presented(world, { ...bearer, 'x-api-key': second })).toBe('400 BAD_REQUEST')
  for (const authorization of [`DPoP ${token}`, `Basic ${token}`, `JWT ${token}`])
    expect(await presented(world, { authorization })).toBe('401 MISSING')
  expect(await presented(world, { authorization: token })).toBe('401 MALFORMED')
  const path = `/graphql?access_token=${token}`
  expect(await presented(world, { cookie: `access_token=${token}` }, path)).toBe('401 MISSING')
})

// Made-up key ids are free to send: neither the database nor anybody else may feel them.
test('200 tokens by unknown keys read the signing keys once, and a good one works meanwhile', async () => {
  expect(await verdictOn(world, token)).toBe('ACCEPTED')
  const clock = jumpingClock()
  // However long the floods take, the keys may not be read again.
  clock.stop()
  const forged = await Promise.all(Array.from({ length: 200 }, (_, index) => unknownKid(index)))
  for (const expected of [1, 0, 1]) {
    // Five seconds, and what adding to a fraction may lose.
    if (expected === 1) clock.forward(5_000.001)
    const from = statements.sent.length
    const flood = forged.map((jwt) => verdictOn(world, jwt))
    const good = Array.from({ length: 5 }, () => verdictOn(world, token))
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['401 UNKNOWN']))
    expect(new Set(await Promise.all(good))).toEqual(new Set(['ACCEPTED']))
    const read = statements.sent.slice(from).filter((text) => text.includes('"SigningKey"'))
    expect(read).toHaveLength(expected)
  }
})

// A token is long, and what a client may send is not without end.
test('over a socket a huge token is refused, and the next request served', async () => {
  const { port, url } = await serve(world.app.fetch)
  const post = (secret: string): string =>
    [
      'POST /graphql HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${secret}`,
      'Content-Type: application/json',
      'Content-Length: 29',
      'Connection: close\r\n\r\n{"query":"{ viewer { kind } }"}',
    ].join('\r\n')
  const [head, , signature] = token.split('.')
  const huge = (length: number): string => `${head}.${'A'.repeat(length)}.${signature}`
  for (const [length, status] of [
    [100_000, 431],
    [15_000, 401],
  ] as const)
    expect(await exchange(port, post(huge(length)))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body })
  expect(await response.json()).toEqual({ data: { viewer: { kind: 'ACCESS_TOKEN' } } })
})

// A client that is told 401 throws its token away; one that is let in was never checked.
test('while the database is away a token that is not known by heart is 503, and never 401', async () => {
  const fresh = await mint()
  jumpingClock().forward(60_000)
  statements.answering = () => {
    throw new Error('Connection terminated unexpectedly')
  }
  for (let attempt = 0; attempt < 3; attempt += 1) {
    expect(await verdictOn(world, fresh)).toBe('503 SERVICE_UNAVAILABLE')
    // Its key may be one that another replica has made.
    expect(await verdictOn(world, await unknownKid(attempt))).toBe('503 SERVICE_UNAVAILABLE')
    expect(await verdictOn(world, await changed(fresh, {}, attacker))).toBe('401 UNKNOWN')
    expect(await verdictOn(world, `${fresh}.`)).toBe('401 MALFORMED')
  }
  statements.answering = () => undefined
  expect(await verdictOn(world, fresh)).toBe('ACCEPTED')
  expect(await verdictOn(world, await unknownKid(0))).toBe('401 UNKNOWN')
})
