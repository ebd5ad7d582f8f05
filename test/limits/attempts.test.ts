import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { createSignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { type Issuer, startIssuer } from '../setup/issuer.ts'
import { keyMadeElsewhere } from '../setup/key-made-elsewhere.ts'
import { metricsOf } from '../setup/metrics.ts'
import { done, seed } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

const proxy = '10.0.0.1'
const limit = 60

let world: World
let workspace: TestWorkspace
let issuer: Issuer
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  issuer = await startIssuer()
  const { url, audience } = issuer
  const signIn = createSignInVerifier({ issuer: url, audience })
  world = await createWorld({ signIn, trustedProxies: [proxy] })
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  statements.stop()
  await world.close()
  await issuer.close()
})

let count = 0
/** One that nothing has come from. */
const newAddress = (): string => `192.0.2.${++count}`

const query = '{ viewer { kind } }'

/** What comes of a request: 200, or its status and why. */
async function tried(secret: string, address: string, forwarded?: string): Promise<string> {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  const answer = await world.gql(secret, query, undefined, { address, headers })
  const [error] = answer.errors
  const { code, reason } = error?.extensions ?? {}
  return [answer.status, reason ?? code].filter(Boolean).join(' ')
}

/** An unknown secret each time: so many of them are told that they are. */
async function fail(address: string, times: number, forwarded?: string): Promise<void> {
  for (let time = 0; time < times; time++)
    expect(await tried(createApiKeySecret('lk'), address, forwarded)).toBe('401 UNKNOWN')
}

const keyNames = (function* () {
  for (let number = 1; ; number++) yield `Key ${number}`
})()
const newKey = async (): Promise<{ id: string; secret: string }> =>
  await seed(world, workspace.secret).key({ name: keyNames.next().value })

/** What was asked of the database meanwhile; when keys were used is written beside it. */
async function lookedUp(work: () => Promise<unknown>): Promise<string[]> {
  const from = statements.sent.length
  await work()
  return statements.sent.slice(from).filter((text) => text.trimStart().startsWith('SELECT'))
}

test('after 60 failures in a minute an address gets 429, and what is malformed is not looked up', async () => {
  const address = newAddress()
  expect(await lookedUp(() => fail(address, limit))).toHaveLength(limit)
  const answer = await world.gql('no key at all', query, undefined, { address })
  expect(answer).toMatchObject({
    status: 429,
    data: undefined,
    errors: [{ extensions: { code: 'RATE_LIMITED' } }],
  })
  const retryAfter = Number(answer.headers.get('retry-after'))
  expect(retryAfter).toBeGreaterThanOrEqual(1)
  expect(retryAfter).toBeLessThanOrEqual(60)
  expect(answer.headers.get('www-authenticate')).toBeNull()
  const others = ['no key at all', `${createApiKeySecret('lk').slice(0, -1)}!`, 'x'.repeat(40)]
  const more = async (): Promise<void> => {
    for (const other of others) expect(await tried(other, address)).toBe('429 RATE_LIMITED')
  }
  expect(await lookedUp(more)).toEqual([])
  // An unknown one is not told from those.
  expect(await tried(createApiKeySecret('lk'), address)).toBe('429 RATE_LIMITED')
})

test('malformed secrets count like unknown ones, wherever they are presented', async () => {
  const address = newAddress()
  const attempts = [
    () => tried('no key at all', address),
    () => tried(`${createApiKeySecret('lk').slice(0, -1)}!`, address),
    () => tried('eyJhbGciOiJub25lIn0.e30.', address),
  ]
  for (let time = 0; time < limit; time++)
    expect(await attempts[time % attempts.length]?.()).toMatch(/^401 (MALFORMED|UNKNOWN)$/)
  expect(await tried(createApiKeySecret('lk'), address)).toBe('429 RATE_LIMITED')
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  const authorization = `Basic ${btoa(`key_x:${createApiKeySecret('lk')}`)}`
  const request = new Request('http://latchkey.test/oauth/token', {
    method: 'POST',
    headers: { authorization },
    body,
  })
  expect((await world.app.fetch(request, { address })).status).toBe(429)
})

// Who shares an address with an attacker, behind one NAT, must not be locked out by them.
test('a secret that was good before goes on from an address with too many failures', async () => {
  const address = newAddress()
  const key = await newKey()
  const { token } = await done(world, key.secret, 'createAccessToken', 'token', {})
  const person = await issuer.token({ sub: 'ada', email: 'ada@example.com', email_verified: true })
  const input = { email: 'ada@example.com', role: 'MEMBER' }
  await done(world, workspace.secret, 'addMember', 'member { id }', input)
  const good = [key.secret, token, person]
  for (const secret of good) expect(await tried(secret, newAddress())).toBe('200')
  await fail(address, limit)
  expect(await tried(createApiKeySecret('lk'), address)).toBe('429 RATE_LIMITED')
  for (const secret of good) expect(await tried(secret, address)).toBe('200')

  // It is told why it is not any more.
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  expect(await tried(key.secret, address)).toBe('401 REVOKED')
})

// A client that renews its token, or its key, behind such an address must not end with the old one.
test('what is made here or well signed is let in from such an address at its first use', async () => {
  const address = newAddress()
  const key = await newKey()
  const elsewhere = await keyMadeElsewhere(world, workspace)
  const { token } = await done(world, elsewhere, 'createAccessToken', 'token', {})
  const input = { email: 'grace@example.com', role: 'MEMBER' }
  await done(world, workspace.secret, 'addMember', 'member { id }', input)
  await fail(address, limit)
  const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
  const claims = { sub: 'grace', email: 'grace@example.com', email_verified: true }
  const good = [key.secret, rotated.secret, token, await issuer.token(claims)]
  for (const secret of good) expect(await tried(secret, address)).toBe('200')
  const forged = `${token.slice(0, -5)}AAAAA`
  expect(await tried(forged, address)).toBe('429 RATE_LIMITED')
})

test('a person whom nobody has added has not guessed their token', async () => {
  const address = newAddress()
  const stranger = await issuer.token({
    sub: 'nobody',
    email: 'n@example.com',
    email_verified: true,
  })
  for (let time = 0; time < limit; time++)
    expect(await tried(stranger, address)).toBe('401 UNKNOWN')
  await fail(address, 1)
})

test('who presents the right secret of a key that is refused has not failed', async () => {
  const address = newAddress()
  const revoked = await newKey()
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: revoked.id })
  const disabled = await newKey()
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: disabled.id })
  for (let time = 0; time < limit; time++) {
    expect(await tried(revoked.secret, address)).toBe('401 REVOKED')
    expect(await tried(disabled.secret, address)).toBe('401 DISABLED')
  }
  await fail(address, 1)
})

test('who presents no secret has not failed', async () => {
  const address = newAddress()
  for (let time = 0; time <= limit; time++) {
    const { status } = await world.gql(null, query, undefined, { address })
    expect(status).toBe(401)
  }
  await fail(address, 1)
})

// An IPv6 customer has a /64 at least: each of its addresses would be another guesser.
test('a /64 of IPv6 counts as one, however it is spelt, and the next one for itself', async () => {
  for (let time = 0; time < limit; time++) await fail(`2001:db8:0:1::${time.toString(16)}`, 1)
  for (const address of [
    '2001:db8:0:1:ffff::1',
    '2001:DB8:0:1:0:0:0:1',
    '2001:db8::1:0:0:0:1%eth0',
  ])
    expect(await tried(createApiKeySecret('lk'), address)).toBe('429 RATE_LIMITED')
  await fail('2001:db8:0:2::1', 1)
})

// Behind the well-known prefix of RFC 6052 are all of IPv4, in one /64.
test('an IPv4 address behind NAT64 counts for itself', async () => {
  await fail('64:ff9b::192.0.2.201', limit)
  expect(await tried(createApiKeySecret('lk'), '64:ff9b::c000:2c9')).toBe('429 RATE_LIMITED')
  await fail('64:ff9b::192.0.2.202', 1)
})

test('an IPv4 address is the same in IPv6 spelling, and its neighbours are not', async () => {
  await fail('198.51.100.1', limit - 1)
  await fail('::ffff:198.51.100.1', 1)
  expect(await tried(createApiKeySecret('lk'), '198.51.100.1')).toBe('429 RATE_LIMITED')
  await fail('198.51.100.2', 1)
})

test('behind a trusted proxy it is the client that counts', async () => {
  const [guesser, other] = [newAddress(), newAddress()]
  await fail(proxy, limit, guesser)
  expect(await tried(createApiKeySecret('lk'), proxy, guesser)).toBe('429 RATE_LIMITED')
  expect(await tried(createApiKeySecret('lk'), guesser)).toBe('429 RATE_LIMITED')
  await fail(proxy, 1, other)
})

// Else every guess could come from an address of its own.
test('X-Forwarded-For of anybody else changes nothing', async () => {
  const address = newAddress()
  for (let time = 0; time < limit; time++) await fail(address, 1, `203.0.113.${time}`)
  expect(await tried(createApiKeySecret('lk'), address, '203.0.113.200')).toBe('429 RATE_LIMITED')
  await fail(newAddress(), 1, '203.0.113.1')
})

test('of guesses at once no more than 60 are told that they were wrong', async () => {
  const address = newAddress()
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => tried(createApiKeySecret('lk'), address)),
  )
  const told = answers.filter((answer) => answer === '401 UNKNOWN')
  expect(told).toHaveLength(limit)
  expect(answers.filter((answer) => answer === '429 RATE_LIMITED')).toHaveLength(100 - limit)
})

test('introspection without a secret is limited to 60 a minute and address, also at once', async () => {
  const address = newAddress()
  const introspect = async (from: string): Promise<number> =>
    (await world.gql(null, '{ __schema { queryType { name } } }', undefined, { address: from }))
      .status
  const statuses = await Promise.all(Array.from({ length: 100 }, () => introspect(address)))
  expect(statuses.filter((status) => status === 200)).toHaveLength(limit)
  expect(statuses.filter((status) => status === 429)).toHaveLength(100 - limit)
  expect(await introspect(newAddress())).toBe(200)
  // They are no guesses at secrets.
  await fail(address, 1)
})

test('what is refused by address is in the metrics, without the address', async () => {
  const name = 'latchkey_requests_refused_total{subject="address"}'
  const address = newAddress()
  await fail(address, limit)
  const before = (await metricsOf(world.app)).get(name) ?? 0
  expect(await tried(createApiKeySecret('lk'), address)).toBe('429 RATE_LIMITED')
  const metrics = await metricsOf(world.app)
  expect(metrics.get(name)).toBe(before + 1)
  expect([...metrics.keys()].join()).not.toContain(address)
})
