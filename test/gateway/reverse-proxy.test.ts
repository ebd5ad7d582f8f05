import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../process/program.ts'
import { seed } from '../setup/seed.ts'
import { createWorld } from '../setup/world.ts'
import { nginxFolder } from './gateway.ts'
import { serveLatchkey } from './latchkey.ts'
import { startNginx } from './nginx.ts'
import { blocksOf, settle } from './page.ts'

const world = await createWorld({ trustedProxies: ['127.0.0.1'] })
afterAll(world.close)
const workspace = await world.createWorkspace()
const latchkey = await serveLatchkey(world)
afterAll(latchkey.stop)

/** Starts an nginx that passes requests on from that line of its configuration. */
async function startProxy(site: string, server: string): Promise<number> {
  const folder = await nginxFolder()
  const port = await freePort()
  const settled = settle(site, {
    [server]: `server 127.0.0.1:${latchkey.port};`,
    'listen 8080;': `listen 127.0.0.1:${port};`,
  })
  const nginx = await startNginx(folder, settled, port)
  afterAll(async () => {
    await nginx.stop()
    await rm(folder, { recursive: true })
  })
  return port
}

const [site = ''] = await blocksOf('operations.md', 'nginx')
const port = await startProxy(site, 'server 127.0.0.1:4000;')
// An older nginx asks for a name at its start alone.
const composed = await readFile(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8')
const composedPort = await startProxy(composed, 'server latchkey:4000 resolve;')

/** Sends a request to a port, from an address of this machine. */
async function send(
  to: number,
  path: string,
  headers: Record<string, string>,
  { from = '127.0.0.1', body }: { from?: string; body?: string } = {},
) {
  const method = body === undefined ? 'GET' : 'POST'
  const sent = request({ host: '127.0.0.1', port: to, path, localAddress: from, method, headers })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, text: await text(response) }
}

const body = JSON.stringify({ query: '{ viewer { kind } }' })
const json = { 'content-type': 'application/json' }

// An address rule behind a proxy is worth what the proxy says of the address.
test.each([
  ['docs/operations.md', port],
  ['compose.yaml', composedPort],
])('behind the nginx of %s a request has the address of its client', async (name, port) => {
  const near = '127.0.0.2'
  const { secret } = await seed(world, workspace.secret).key({ name, allowedIps: [near] })
  const from = async (address: string, forwarded: Record<string, string> = {}) => {
    const headers = { ...json, ...forwarded, authorization: `Bearer ${secret}` }
    const { status, text } = await send(port, '/graphql', headers, { from: address, body })
    return [status, JSON.parse(text).errors?.[0].extensions.reason].filter(Boolean).join(' ')
  }
  expect(await from(near)).toBe('200')
  expect(await from('127.0.0.3')).toBe('401 IP_NOT_ALLOWED')
  expect(await from('127.0.0.3', { 'x-forwarded-for': near })).toBe('401 IP_NOT_ALLOWED')
  expect(await from('127.0.0.3', { 'X-Forwarded-For': `${near}, 127.0.0.1` })).toBe(
    '401 IP_NOT_ALLOWED',
  )
  expect(await from(near, { 'x-forwarded-for': '192.0.2.1' })).toBe('200')
})

test('what Latchkey answers comes through the nginx of docs/operations.md as it is', async () => {
  const own = { authorization: `Bearer ${workspace.secret}` }
  for (const [path, headers, sent] of [
    ['/graphql', { accept: 'text/html' }],
    ['/graphql', { accept: 'text/html', 'accept-encoding': 'gzip' }],
    ['/health', {}],
    ['/.well-known/jwks.json', {}],
    ['/nothing?here=%26', {}],
    ['/graphql', { ...json, ...own }, body],
    ['/graphql', json, body],
    ['/graphql', { ...json, ...own }, 'no JSON'],
  ] as const) {
    const options = sent === undefined ? {} : { body: sent }
    const [through, straight] = [
      await send(port, path, headers, options),
      await send(latchkey.port, path, headers, options),
    ]
    const { server, connection, date, ...passed } = through.headers
    for (const [name, value] of Object.entries(straight.headers))
      if (!['connection', 'date', 'keep-alive', 'x-request-id'].includes(name))
        expect([path, name, passed[name]]).toEqual([path, name, value])
    const withoutId = (text: string): string => text.replace(/"requestId":"[^"]+"/, '')
    expect(through.status).toBe(straight.status)
    expect(withoutId(through.text) === withoutId(straight.text)).toBe(true)
  }
})

test.each([
  ['docs/operations.md', port],
  ['compose.yaml', composedPort],
])('the nginx of %s publishes neither metrics nor verdicts', async (_name, port) => {
  for (const path of ['/metrics', '/verify', '/verify?ip=192.0.2.1', '/verify/any', '//verify']) {
    const { status, headers } = await send(port, path, { 'latchkey-verifier': workspace.secret })
    expect([path, status, headers['x-request-id']]).toEqual([path, 404, undefined])
  }
  expect((await send(latchkey.port, '/metrics', {})).status).toBe(200)
})

test('the nginx of compose.yaml lets documents through', async () => {
  const form = { 'content-type': 'multipart/form-data; boundary=x' }
  const { status, text } = await send(composedPort, '/graphql', form, {
    body: 'x'.repeat(2_000_000),
  })
  // It is too much for this Latchkey, which says so itself.
  expect([status, JSON.parse(text).errors]).toEqual([413, [expect.anything()]])
})

test('the nginx of docs/operations.md keeps its connections to Latchkey', async () => {
  const headers = { ...json, authorization: `Bearer ${workspace.secret}` }
  const before = latchkey.connections()
  for (let count = 0; count < 10; count += 1)
    expect((await send(port, '/graphql', headers, { body })).status).toBe(200)
  expect(latchkey.connections() - before).toBeLessThanOrEqual(1)
})
