import { afterAll, expect, test } from 'vitest'
import { exchange } from '../../http/listening.ts'
import { done, seed } from '../../setup/seed.ts'
import { inWords, valuesOf } from '../backend.ts'
import { expectPreflights } from '../preflight.ts'
import type { Received } from '../service.ts'
import { startCaddyGateway } from './caddy.ts'

const gateway = await startCaddyGateway()
afterAll(() => gateway.close())
const { world, workspace, service, latchkey, verifier, ask } = gateway
const make = seed(world, workspace.secret)
const space = await make.space({ name: 'one' })
const otherSpace = await make.space({ name: 'other' })
const can = { permissions: ['agents:read', 'agents:update', 'agents:run'] }
const client = await make.key({ name: 'client', ...can, spaces: [{ spaceId: space }] })
const runs = (id: string): string => `/spaces/${id}/runs`

/** Sends a target and header lines as they are, after a good key; what reached the service, or the status. */
async function send(target: string, ...lines: readonly string[]): Promise<Received | string> {
  const before = service.received.length
  const head = [`GET ${target} HTTP/1.1`, 'Host: test', `Authorization: Bearer ${client.secret}`]
  const text = [...head, ...lines, 'Connection: close', '', ''].join('\r\n')
  const answer = await exchange(gateway.caddy.port, text)
  return service.received[before] ?? answer.split(' ', 2)[1] ?? ''
}

test('Caddy asks about every request, from its address and with what its route asks for', async () => {
  const before = latchkey.questions.length
  await ask(client.secret, '/agents/a')
  await ask(client.secret, '/agents/a', { method: 'POST', body: 'new' })
  await ask(client.secret, `${runs(space)}?a=1&space=x`, { method: 'POST', body: 'run' })
  const asked = latchkey.questions.slice(before)
  expect(asked.map(({ method, target }) => `${method} ${decodeURIComponent(target)}`)).toEqual([
    'GET /verify?ip=127.0.0.1&permission=agents:read',
    'GET /verify?ip=127.0.0.1&permission=agents:update',
    `GET /verify?ip=127.0.0.1&permission=agents:run&space=${space}`,
  ])
  for (const { headers } of asked) expect(headers).not.toHaveProperty('x-forwarded-for')
})

test('a request with a good key passes Caddy, with its body and with what the verdict tells', async () => {
  const { status, received } = await ask(client.secret, '/agents/a?b=c', {
    method: 'POST',
    body: 'body',
    headers: { 'x-api-key': client.secret, 'x-kept': 'yes' },
  })
  expect(status).toBe(200)
  expect(received).toMatchObject({ method: 'POST', url: '/agents/a?b=c', length: 4 })
  const told = (name: string) => received && valuesOf(received, name)
  expect(told('Latchkey-Key-Id')).toEqual([client.id])
  expect(told('Latchkey-Owner-Id')).toEqual([workspace.ownerId])
  expect(told('Latchkey-Workspace-Id')).toEqual([workspace.id])
  expect(told('Latchkey-Permissions')).toEqual(['agents:read agents:update agents:run'])
  expect(told('X-Kept')).toEqual(['yes'])
  expect(JSON.stringify(received)).not.toMatch(/lk_|authorization|x-api-key/i)
})

test('Caddy passes the refusals of a client on, and nothing reaches the service', async () => {
  const reader = await make.key({ name: 'reader', permissions: ['agents:read'], allSpaces: true })
  const before = service.received.length
  const cases: readonly (readonly [string | null, string, string, RequestInit?])[] = [
    [null, '/agents/a', '401 MISSING'],
    ['nonsense', '/agents/a', '401 MALFORMED'],
    [client.secret, runs(otherSpace), '403 SPACE_NOT_ALLOWED'],
    [reader.secret, runs(space), '403 INSUFFICIENT_PERMISSIONS'],
    [reader.secret, '/agents/a', '403 INSUFFICIENT_PERMISSIONS', { method: 'DELETE' }],
    [client.secret, '/elsewhere', '404'],
    [client.secret, '/verify', '404'],
  ]
  for (const [secret, path, expected, init] of cases) {
    const outcome = await ask(secret, path, init)
    expect([path, inWords(outcome)]).toEqual([path, expected])
    expect(outcome.headers.has('www-authenticate')).toBe(outcome.status === 401)
  }
  expect(service.received).toHaveLength(before)
})

test('over its limit a key gets 429 with Retry-After from Caddy', async () => {
  const { secret } = await make.key({ name: 'one', ...can, allSpaces: true, requestsPerMinute: 1 })
  expect(inWords(await ask(secret, '/agents/a'))).toBe('passed')
  const over = await ask(secret, '/agents/a')
  expect(inWords(over)).toBe('429 RATE_LIMITED')
  expect(over.headers.get('ratelimit-policy')).toBe('"key";q=1;w=60')
  expect(over.headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/)
})

test("a key's address rule is held against where the client connects to Caddy from", async () => {
  const input = { ...can, allSpaces: true }
  const here = await make.key({ name: 'here', ...input, allowedIps: ['127.0.0.1'] })
  const elsewhere = await make.key({ name: 'elsewhere', ...input, allowedIps: ['192.0.2.0/24'] })
  const forged = { 'x-forwarded-for': '192.0.2.1', 'x-real-ip': '192.0.2.1' }
  for (const headers of [{}, forged]) {
    expect(inWords(await ask(here.secret, '/agents/a?ip=192.0.2.1', { headers }))).toBe('passed')
    expect(inWords(await ask(elsewhere.secret, '/agents/a?ip=192.0.2.1', { headers }))).toBe(
      '401 IP_NOT_ALLOWED',
    )
  }
})

test('Caddy answers preflights by itself, and lets no other OPTIONS through without a key', () =>
  expectPreflights(ask, service, client.secret))

const told = [
  'Latchkey-Key-Id',
  'Latchkey-Owner-Id',
  'Latchkey-Permissions',
  'Latchkey-Workspace-Id',
]

// The service believes these headers, and Latchkey the gateway's key.
test('what a client forges is dropped by Caddy, in every spelling', async () => {
  const methods = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']
  const names = [...told, 'Latchkey-Verdict', 'Latchkey-Verifier', ...methods]
  const forged = [...names, 'X-Original-URL', 'X-Rewrite-URL'].flatMap((name) =>
    [name, name.toLowerCase(), name.toUpperCase(), name.replaceAll('-', '_')].map(
      (spelling) => `${spelling}: forged`,
    ),
  )
  const questions = latchkey.questions.length
  const received = await send('/agents/a', ...forged, ...forged)
  expect(JSON.stringify(received)).not.toContain('forged')
  const { headers } = received as Received
  expect(headers.filter((name) => /^latchkey/i.test(name))).toEqual(told)
  const [question] = latchkey.questions.slice(questions)
  expect(question?.headers['latchkey-verifier']).toBe(verifier.secret)
  // Headers that Connection names are removed by every proxy, those of the verdict among them.
  expect(await send('/agents/a', 'Connection: Latchkey-Key-Id')).toBe('400')
})

// The service would act on a path that nobody has asked about.
test('a path that services read in different ways does not pass Caddy', async () => {
  for (const target of [
    '/agents/../admin',
    '/agents/..%2fadmin',
    '/agents/%2e%2e/admin',
    '/agents/..;/admin',
    '/agents/..\\admin',
    '//agents/a',
    '/AGENTS/a',
    '/x/../agents/a',
    '/agents/a%3Fpermission=x',
    `${runs(otherSpace)}/../../${space}/runs`,
    `/spaces/${space}%26space=x/runs`,
    `${runs(space)}%0A`,
  ])
    expect([target, await send(target)]).toEqual([target, expect.stringMatching(/^40[04]$/)])
})

test("the gateway's own mistake is 500 to a client of Caddy, and lets nobody through", async () => {
  const change = (mutation: string) =>
    done(world, workspace.secret, mutation, 'apiKey { id }', { id: verifier.id })
  await change('disableApiKey')
  const headers = { 'latchkey-verifier': workspace.secret }
  expect(inWords(await ask(client.secret, '/agents/a', { headers }))).toBe('500')
  await change('enableApiKey')
  expect(inWords(await ask(client.secret, '/agents/a'))).toBe('passed')
})

// The last one: Latchkey is away afterwards, and then pretends.
test('nothing but a success of Latchkey lets anybody through Caddy', async () => {
  for (const status of [300, 302, 400, 401, 403, 404, 418, 429, 431, 500, 503]) {
    latchkey.pretend(async () => new Response(null, { status, headers: { location: '/agents/b' } }))
    const { status: shown, received } = await ask(client.secret, '/agents/a', {
      redirect: 'manual',
    })
    const isMistake = [300, 302, 400, 404, 500].includes(status)
    expect([status, shown, received]).toEqual([status, isMistake ? 500 : status, undefined])
  }
  latchkey.pretend(undefined)
  await latchkey.stop()
  expect(inWords(await ask(client.secret, '/agents/a'))).toBe('502')
  await latchkey.start()
  expect(inWords(await ask(client.secret, '/agents/a'))).toBe('passed')
})
