import { beforeAll, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { verdict } from '../modules/api-key/ask.ts'
import { exchange as exchangeForToken, failure, send } from '../oauth/ask.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import type { World } from '../setup/world.ts'
import { exchange, serve } from './listening.ts'

const proxy = '10.0.0.1'
const trustedProxies = [proxy, '10.1.0.0/16', '127.0.0.1', '2001:db8:f::/48', 'fe80::1']

let auditor: { id: string; secret: string }

useWorkspace({ trustedProxies })
beforeAll(async () => {
  auditor = await seed(world, workspace.secret).key({ name: 'auditor', permissions: ['scopes:*'] })
})

const ipOf = async (requestId: string | null): Promise<string | null> => {
  if (requestId === null) throw new Error('the answer has no request id')
  const event = await world.deps.prisma.auditEvent.findFirstOrThrow({ where: { requestId } })
  return event.ip
}

let scopes = 0
const creating =
  'mutation ($name: String!) { createScope(input: { name: $name }) { scope { id } } }'

/** The address that the audit has of a change which came from there with that X-Forwarded-For. */
async function recorded(address: string | undefined, forwarded?: string): Promise<string | null> {
  scopes += 1
  const { headers, data } = await world.gql(
    auditor.secret,
    creating,
    { name: `scope ${scopes}` },
    {
      ...(address !== undefined && { address }),
      ...(forwarded !== undefined && { headers: { 'x-forwarded-for': forwarded } }),
    },
  )
  expect(data.createScope.scope.id).toMatch(/^scp_/)
  return await ipOf(headers.get('x-request-id'))
}

const ofProxies = (count: number): string => Array.from({ length: count }, () => proxy).join(', ')

type Case = readonly [address: string | undefined, forwarded: string | undefined, string | null]

const check = async (cases: readonly Case[]): Promise<void> => {
  for (const [address, forwarded, expected] of cases)
    expect([address, forwarded, await recorded(address, forwarded)]).toEqual([
      address,
      forwarded,
      expected,
    ])
}

// Whoever reaches the server past its proxies could otherwise be anybody.
test('what a peer that is no trusted proxy forwards is not looked at', () =>
  check([
    ['192.0.2.1', '10.9.9.9', '192.0.2.1'],
    ['192.0.2.1', proxy, '192.0.2.1'],
    ['192.0.2.1', 'nonsense', '192.0.2.1'],
    ['10.0.0.2', '203.0.113.9', '10.0.0.2'],
    ['::10.0.0.1', '203.0.113.9', null],
    ['nonsense', '203.0.113.9', null],
    [undefined, '203.0.113.9', null],
  ]))

test('behind trusted proxies it is the right-most address that is none of theirs', () =>
  check([
    [proxy, '203.0.113.9', '203.0.113.9'],
    [proxy, '198.51.100.7, 203.0.113.9', '203.0.113.9'],
    [proxy, '203.0.113.9, 10.1.2.3', '203.0.113.9'],
    [proxy, '198.51.100.7,203.0.113.9,10.1.2.3,2001:db8:f::8', '203.0.113.9'],
    [proxy, 'nonsense, 203.0.113.9', '203.0.113.9'],
    [proxy, ' \t203.0.113.9 ,\t10.1.2.3 ', '203.0.113.9'],
  ]))

test('with trusted proxies alone it is the left-most; without an entry, the peer', () =>
  check([
    [proxy, '10.1.2.3, 10.1.2.4', '10.1.2.3'],
    [proxy, proxy, proxy],
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['10.1.2.3', '', '10.1.2.3'],
    ['10.1.2.3', ' \t', '10.1.2.3'],
  ]))

// A proxy that says it does not know must not make the next entry, which anybody may write, count.
test('an entry that is no address makes the address unknown, if the walk comes to it', () =>
  check([
    [proxy, 'unknown', null],
    [proxy, '198.51.100.7, unknown', null],
    [proxy, '198.51.100.7, unix:', null],
    [proxy, '198.51.100.7, ', null],
    [proxy, '198.51.100.7,, 10.1.2.3', null],
    [proxy, '198.51.100.7, 203.0.113.256', null],
    [proxy, '198.51.100.7, 203.0.113.9 10.1.2.3', null],
    [proxy, '203.0.113.9:', null],
    [proxy, '203.0.113.9:http', null],
    [proxy, '203.0.113.9:123456', null],
    [proxy, '203.0.113.9/32', null],
    [proxy, '203.0.113.9%eth0', null],
    [proxy, '[203.0.113.9]', null],
    [proxy, '[2001:db8::1', null],
    [proxy, '[2001:db8::1]443', null],
    [proxy, '"203.0.113.9"', null],
    [proxy, 'for=203.0.113.9', null],
    [proxy, '0xcb.0.113.9', null],
    [proxy, '3405803785', null],
    [proxy, '::203.0.113.9', null],
  ]))

// Otherwise a rule for one spelling is walked around with another.
test('each address is in one spelling, without port, brackets and zone', () =>
  check([
    [proxy, '203.0.113.9:5678', '203.0.113.9'],
    [proxy, '2001:DB8:0:0::1', '2001:db8::1'],
    [proxy, '[2001:db8::1]', '2001:db8::1'],
    [proxy, '[2001:0db8::0001]:443', '2001:db8::1'],
    [proxy, '::ffff:203.0.113.9', '203.0.113.9'],
    [proxy, '::FFFF:cb00:7109', '203.0.113.9'],
    [proxy, '[::ffff:203.0.113.9]:443', '203.0.113.9'],
    [proxy, 'fe80::2%eth0', 'fe80::2'],
    [proxy, '[fe80::2%br-1.7]:443', 'fe80::2'],
    [proxy, '203.0.113.9, ::ffff:10.1.2.3, 10.1.2.4:80, [2001:DB8:F::1]:1', '203.0.113.9'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['2001:0DB8:000f::1', '203.0.113.9', '203.0.113.9'],
    ['fe80::1%eth0', '203.0.113.9', '203.0.113.9'],
    ['::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['2001:DB8::0:1', undefined, '2001:db8::1'],
    ['fe80::2%en-0', undefined, 'fe80::2'],
  ]))

test('the walk goes on for a hundred entries', () =>
  check([
    [proxy, `203.0.113.9, ${ofProxies(99)}`, '203.0.113.9'],
    [proxy, ofProxies(100), proxy],
    [proxy, `203.0.113.9, ${ofProxies(100)}`, null],
    [proxy, `${ofProxies(1_000)}, 203.0.113.9`, '203.0.113.9'],
  ]))

test('no other header counts', async () => {
  const headers = {
    forwarded: 'for=203.0.113.9',
    'x-real-ip': '203.0.113.9',
    'x-client-ip': '203.0.113.9',
  }
  const { secret } = await seed(world, workspace.secret).key({
    name: 'by another header',
    allowedIps: ['203.0.113.9'],
  })
  expect(await verdict(world, secret, { address: proxy, headers })).toBe('401 IP_NOT_ALLOWED')
})

const through = (forwarded: string) => ({
  address: proxy,
  headers: { 'x-forwarded-for': forwarded },
})

test('an address rule holds for the client, for a key and for the tokens made with it', async () => {
  const key = await seed(world, workspace.secret).key({
    name: 'ruled',
    permissions: ['workspace:read'],
    allowedIps: ['203.0.113.0/24', '2001:db8::/64'],
  })
  const elsewhere = through('203.0.113.9, 198.51.100.7')
  const refused = await send(
    world,
    '/oauth/token',
    { grant_type: 'client_credentials' },
    { client: key, ...elsewhere },
  )
  expect(failure(refused)).toBe('401 invalid_client')
  const token = await exchangeForToken(world, key, {}, through('203.0.113.9'))
  for (const secret of [key.secret, token]) {
    for (const forwarded of ['203.0.113.8', '::ffff:203.0.113.8', '[2001:db8::7]:443, 10.1.2.3'])
      expect((await world.gql(secret, '{ viewer { kind } }', {}, through(forwarded))).status).toBe(
        200,
      )
    for (const options of [
      elsewhere,
      through('203.0.113.9, unknown'),
      { address: proxy },
      { ...through('203.0.113.9'), address: '198.51.100.7' },
    ])
      expect(await verdict(world, secret, options)).toBe('401 IP_NOT_ALLOWED')
  }
})

test('the last use of a key and of a token is from the client', async () => {
  const key = await seed(world, workspace.secret).key({ name: 'used' })
  const minting = 'mutation { createAccessToken(input: {}) { accessToken { id } token } }'
  const minted = await world.gql(key.secret, minting, {}, through('203.0.113.1, 10.1.2.3'))
  const { accessToken, token } = minted.data.createAccessToken
  const lastUse = async () => {
    await world.deps.usage.flush()
    const query = `{ accessToken(id: "${accessToken.id}") { lastUsedIp apiKey { lastUsedIp } } }`
    return (await world.gql(workspace.secret, query)).data.accessToken
  }
  expect(await lastUse()).toEqual({ lastUsedIp: null, apiKey: { lastUsedIp: '203.0.113.1' } })
  await world.gql(token, '{ viewer { kind } }', {}, through('203.0.113.2:999'))
  const lastUsedIp = '203.0.113.2'
  expect(await lastUse()).toEqual({ lastUsedIp, apiKey: { lastUsedIp } })
})

// There the address is what a resource server tells, as it stands: it has its own proxies.
test('the ip that introspection is given is none of the headers', async () => {
  const make = seed(world, workspace.secret)
  const client = await make.key({ name: 'verifier', permissions: ['keys:read', 'keys:verify'] })
  const ruled = await make.key({
    name: 'introspected',
    permissions: ['workspace:read'],
    allowedIps: ['203.0.113.0/24', '10.0.0.0/8'],
  })
  const token = await exchangeForToken(world, ruled, {}, through('203.0.113.9'))
  const isActive = async (form: object): Promise<boolean> => {
    const options = { client, ...through('203.0.113.9') }
    return (await send(world, '/oauth/introspect', { token, ...form }, options)).body.active
  }
  expect(await isActive({})).toBe(false)
  expect(await isActive({ ip: '198.51.100.7' })).toBe(false)
  for (const ip of ['203.0.113.9', proxy]) expect(await isActive({ ip })).toBe(true)
})

test('a revocation by OAuth is recorded with the address of the client', async () => {
  const client = await seed(world, workspace.secret).key({ name: 'revoking' })
  const token = await exchangeForToken(world, client)
  const options = { client, ...through('203.0.113.9, 10.1.2.3') }
  const { status, headers } = await send(world, '/oauth/revoke', { token }, options)
  expect(status).toBe(200)
  expect(await ipOf(headers.get('x-request-id'))).toBe('203.0.113.9')
})

/** The address that the audit has of a change which came over a connection with these headers. */
async function recordedOver(fetch: World['app']['fetch'], lines: string[]): Promise<string | null> {
  const { port } = await serve(fetch)
  scopes += 1
  const body = JSON.stringify({ query: creating, variables: { name: `scope ${scopes}` } })
  const head = [
    'POST /graphql HTTP/1.1',
    'Host: latchkey.test',
    `Authorization: Bearer ${auditor.secret}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...lines,
  ]
  const answer = await exchange(port, `${head.join('\r\n')}\r\n\r\n${body}`)
  return await ipOf(/^x-request-id: (\S+)/im.exec(answer)?.[1] ?? null)
}

test('over a connection, several headers are one list, in their order', async () => {
  const lines = [
    'X-Forwarded-For: 198.51.100.7',
    'x-forwarded-for: 203.0.113.9, 10.1.2.3',
    'X-FORWARDED-FOR: [2001:db8:f::8]:443',
  ]
  expect(await recordedOver(world.app.fetch, lines)).toBe('203.0.113.9')
  expect(await recordedOver(world.app.fetch, ['X-Forwarded-For:'])).toBe('127.0.0.1')
  expect(await recordedOver(world.app.fetch, [])).toBe('127.0.0.1')
  const trustingNobody = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  const { fetch } = createApp(world.deps, trustingNobody)
  expect(await recordedOver(fetch, lines)).toBe('127.0.0.1')
})
