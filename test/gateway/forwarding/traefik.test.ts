import { afterAll, expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import {
  documented,
  forged,
  type Head,
  type Headers,
  omit,
  pick,
  send,
  startForwarding,
} from './forwarding.ts'

const { world, workspace, latchkey, verifier, close } = await startForwarding()
afterAll(close)
const make = seed(world, workspace.secret)
const permissions = ['agents:read', 'agents:update']
const near = '203.0.113.9'
const client = await make.key({ name: 'client', permissions, allSpaces: true, allowedIps: [near] })
const reader = await make.key({ name: 'reader', permissions: ['agents:read'], allSpaces: true })

const { routers, middlewares, services } = (await documented('/etc/traefik/dynamic/service.yaml'))
  .http
const lowerCase = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase())

/** The headers as a `headers` middleware leaves them: an empty value removes. */
function changed(headers: Headers, name: string): Headers {
  const custom: [string, string][] = Object.entries(middlewares[name].headers.customRequestHeaders)
  const set = custom.map(([header, value]) => [
    header.toLowerCase(),
    value.replace('{{ env "LATCHKEY_VERIFIER" }}', verifier.secret),
  ])
  const all: [string, string][] = Object.entries({ ...headers, ...Object.fromEntries(set) })
  return Object.fromEntries(all.filter(([, value]) => value !== ''))
}

/** What `ForwardAuth` asks of a request: `writeHeader` in its forward.go. */
async function ask({ method, path, headers, from }: Head, name: string) {
  const { address, authRequestHeaders } = middlewares[name].forwardAuth
  const { pathname, search } = new URL(address)
  return await send(latchkey.port, {
    method: 'GET',
    path: pathname + search,
    headers: {
      ...pick(headers, lowerCase(authRequestHeaders)),
      'X-Forwarded-For': from,
      'X-Forwarded-Host': 'service.example',
      'X-Forwarded-Method': method,
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Uri': path,
      'Accept-Encoding': 'gzip',
    },
  })
}

/** What the service gets of a request by a router, or what its client does. */
async function through(router: string, { headers, ...rest }: Head) {
  const [, first, mayPass, last] = routers[router].middlewares
  const named = changed(headers, first)
  const verdict = await ask({ ...rest, headers: named }, mayPass)
  if (verdict.status !== 204) return `${verdict.status} ${verdict.headers['latchkey-verdict']}`
  // Traefik looks at names as Go writes them, so that they begin with a capital letter.
  const isTold = (name: string): boolean =>
    new RegExp(middlewares[mayPass].forwardAuth.authResponseHeadersRegex).test(
      name.replace(/^./, (letter) => letter.toUpperCase()),
    )
  const kept = omit(named, Object.keys(named).filter(isTold))
  const told = pick(verdict.headers, Object.keys(verdict.headers).filter(isTold))
  return changed({ ...kept, ...told }, last)
}

const bearer = (secret: string): Headers => ({ authorization: `Bearer ${secret}` })
const path = '/agents/agt_1'

test('every router of Traefik answers preflights first, then asks, then hides the credential', () => {
  for (const { rule, middlewares: used, service } of Object.values<any>(routers)) {
    expect(used).toEqual(['pages', 'verifier', expect.stringMatching(/^may-/), 'service-headers'])
    expect(services).toHaveProperty(service)
    // Headers that Connection names are removed by every proxy, those of the verdict among them.
    expect(rule).toContain('!HeaderRegexp(`Connection`, `(?i)latchkey`)')
    const [, pattern = ''] = /^PathRegexp\(`(.+?)`\)/.exec(rule) ?? []
    expect(path).toMatch(new RegExp(pattern))
    for (const odd of [
      '/agents/../admin',
      '/agents/a/b',
      '/agents/a;',
      '/agents/a%2f',
      '/x/agents/',
    ])
      expect(odd).not.toMatch(new RegExp(pattern))
  }
  // Of a GET, HEAD or any other method, one router each.
  const methods = Object.values<any>(routers).map(({ rule }) => rule.match(/!?Method\(`\w+`\)/g))
  expect(methods).toEqual([
    ['Method(`GET`)', 'Method(`HEAD`)'],
    ['!Method(`GET`)', '!Method(`HEAD`)'],
  ])
  expect(middlewares.pages.headers).toMatchObject({
    accessControlAllowOriginList: ['*'],
    accessControlAllowHeaders: ['Authorization', '*'],
  })
})

test('a request passes Traefik with what its router asks for, and without it not', async () => {
  const head = { method: 'GET', path: `${path}?ip=1`, headers: bearer(reader.secret), from: near }
  expect(await through('agents-read', head)).toMatchObject({ 'latchkey-key-id': reader.id })
  expect(await through('agents-update', { ...head, method: 'OPTIONS' })).toBe(
    '403 INSUFFICIENT_PERMISSIONS',
  )
  for (const method of ['GET', 'OPTIONS'])
    expect(await through('agents-read', { ...head, method, headers: {} })).toBe('401 MISSING')
})

test('over its limit a client of Traefik gets the verdict with Retry-After', async () => {
  const limits = { permissions, allSpaces: true, requestsPerMinute: 1 }
  const { secret } = await make.key({ name: 'one', ...limits })
  const head = { method: 'GET', path, headers: bearer(secret), from: near }
  expect(await through('agents-read', head)).toMatchObject({ 'latchkey-verdict': 'VALID' })
  const over = await ask({ ...head, headers: changed(head.headers, 'verifier') }, 'may-read')
  expect([over.status, over.headers['latchkey-verdict']]).toEqual([403, 'RATE_LIMITED'])
  expect(over.headers['retry-after']).toMatch(/^\d+$/)
})

test('an address rule is held against where the client connects to Traefik from', async () => {
  const head = { method: 'GET', path, headers: bearer(client.secret), from: near }
  expect(await through('agents-read', head)).toMatchObject({ 'latchkey-key-id': client.id })
  const headers = { ...head.headers, 'x-forwarded-for': near, 'x-real-ip': near }
  expect(await through('agents-read', { ...head, headers, from: '198.51.100.7' })).toBe(
    '401 IP_NOT_ALLOWED',
  )
})

test('what a client forges reaches neither Latchkey nor the service through Traefik', async () => {
  const credential = { ...bearer(reader.secret), 'x-api-key': reader.secret }
  const headers = { ...forged, latchkey_key_id: 'forged', ...credential, kept: 'yes' }
  const before = latchkey.questions.length
  const served = await through('agents-read', { method: 'GET', path, headers, from: near })
  expect(latchkey.questions[before]?.headers['latchkey-verifier']).toBe(verifier.secret)
  expect(served).toEqual({
    'latchkey-verdict': 'VALID',
    'latchkey-key-id': reader.id,
    'latchkey-owner-id': workspace.ownerId,
    'latchkey-workspace-id': workspace.id,
    'latchkey-permissions': 'agents:read',
    'x-forwarded-for': near,
    kept: 'yes',
  })
})
