import { once } from 'node:events'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import type { Config } from '../../src/config.ts'
import { listen } from '../../src/http/node/server.ts'
import { lastLine, requestLines } from '../setup/request-lines.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { gqlOver } from '../setup/world.ts'
import { exchange, open } from './listening.ts'

useWorkspace()

let before = 0
beforeEach(() => {
  before = world.logs.length
})
const lines = () => requestLines(world.logs.slice(before))

const request = (path: string, init?: RequestInit) =>
  new Request(`http://latchkey.test${path}`, init)

test('an operation: its name, its kind, what it cost, whose it was, under the id of its answer', async () => {
  const { headers } = await world.gql(
    workspace.secret,
    'query WhatIsHere($first: Int) { agents(first: $first) { nodes { name } } }',
    { first: 7 },
    { address: '192.0.2.7' },
  )
  const [line, ...others] = lines()
  expect(others).toEqual([])
  expect(line).toEqual({
    level: 30,
    time: expect.any(Number),
    pid: process.pid,
    hostname: expect.any(String),
    requestId: headers.get('x-request-id'),
    method: 'POST',
    path: '/graphql',
    operation: 'WhatIsHere',
    kind: 'query',
    status: 200,
    ms: expect.any(Number),
    cost: expect.any(Number),
    workspaceId: workspace.id,
    keyId: workspace.keyId,
    address: '192.0.2.7',
    msg: 'request',
  })
})

test('a token is named beside its key', async () => {
  const { token, accessToken } = await done(
    world,
    workspace.secret,
    'createAccessToken',
    'token accessToken { id }',
    {},
  )
  await world.gql(token, 'mutation Verify { __typename }')
  expect(lastLine(world.logs)).toMatchObject({
    operation: 'Verify',
    kind: 'mutation',
    keyId: workspace.keyId,
    tokenId: accessToken.id,
  })
})

const viewer = '{ viewer { kind } }'

test.each<[string, (secret: string, id: string) => Promise<unknown>, object]>([
  [
    'a revoked key',
    async (secret, id) => {
      await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id })
      await world.gql(secret, viewer)
    },
    { status: 401, code: 'UNAUTHENTICATED', reason: 'REVOKED' },
  ],
  [
    'a disabled key',
    async (secret, id) => {
      await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
      await world.gql(secret, viewer)
    },
    { status: 401, code: 'UNAUTHENTICATED', reason: 'DISABLED' },
  ],
  [
    'a key from another address',
    async (secret, id) => {
      const input = { id, allowedIps: ['192.0.2.1'] }
      await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', input)
      await world.gql(secret, viewer, {}, { address: '192.0.2.2' })
    },
    { status: 401, code: 'UNAUTHENTICATED', reason: 'IP_NOT_ALLOWED', address: '192.0.2.2' },
  ],
  [
    'a key over its limit',
    async (secret, id) => {
      const input = { id, requestsPerMinute: 0 }
      await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', input)
      await world.gql(secret, viewer)
    },
    { status: 429, code: 'RATE_LIMITED' },
  ],
  [
    'a key without the permission',
    (secret) => world.gql(secret, 'query Members { members { nodes { id } } }'),
    { operation: 'Members', code: 'FORBIDDEN', missing: ['members:read'] },
  ],
  [
    'a document that is not valid',
    (secret) => world.gql(secret, 'query Wrong { nothingOfThat }'),
    { operation: 'Wrong', kind: 'query', code: 'GRAPHQL_VALIDATION_FAILED' },
  ],
])('%s is named, with why it was refused', async (_, ask, expected) => {
  const { id, secret } = await seed(world, workspace.secret).key({
    name: crypto.randomUUID(),
    permissions: ['agents:read'],
    allSpaces: true,
  })
  await ask(secret, id)
  expect(lastLine(world.logs)).toMatchObject({
    keyId: id,
    workspaceId: workspace.id,
    ...expected,
  })
})

test.each<[string, string | null, object]>([
  ['nobody', null, { reason: 'MISSING' }],
  ['an unknown key', createApiKeySecret('lk'), { reason: 'UNKNOWN' }],
  ['no key', 'lk_mistyped', { reason: 'MALFORMED' }],
])('%s: why, and no more', async (_, secret, expected) => {
  await world.gql(secret, viewer)
  expect(lastLine(world.logs)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', ...expected })
  expect(lastLine(world.logs)).not.toHaveProperty('keyId')
})

const form = (secret: string, more = {}): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams({ client_id: workspace.keyId, client_secret: secret, ...more }),
})
const verifier = () => ({ 'latchkey-verifier': workspace.secret })

test.each<[string, string, () => RequestInit, object]>([
  [
    'a token from the OAuth endpoint',
    '/oauth/token',
    () => form(workspace.secret, { grant_type: 'client_credentials' }),
    { status: 200, cost: 1 },
  ],
  [
    'a client with another secret',
    '/oauth/token',
    () => form(createApiKeySecret('lk'), { grant_type: 'client_credentials' }),
    { status: 401, code: 'UNAUTHENTICATED', reason: 'UNKNOWN', keyId: undefined },
  ],
  [
    'another grant',
    '/oauth/token',
    () => form('x', { grant_type: 'y' }),
    {
      status: 400,
      code: 'unsupported_grant_type',
      keyId: undefined,
    },
  ],
  [
    'an unknown bearer that would introspect',
    '/oauth/introspect',
    () => ({ ...form(''), headers: { authorization: `Bearer ${createApiKeySecret('lk')}` } }),
    { status: 401, code: 'UNAUTHENTICATED', reason: 'UNKNOWN', keyId: undefined },
  ],
  [
    'a good key for a gateway',
    '/verify?permission=agents:read',
    () => ({ headers: { ...verifier(), 'x-api-key': workspace.secret } }),
    {
      path: '/verify',
      status: 204,
      verdict: 'VALID',
      verifiedKeyId: expect.stringMatching(/^key_/),
    },
  ],
  [
    'an unknown key for a gateway',
    '/verify',
    () => ({ headers: { ...verifier(), 'x-api-key': createApiKeySecret('lk') } }),
    { status: 401, verdict: 'NOT_FOUND', verifiedKeyId: undefined },
  ],
  ['no key for a gateway', '/verify', () => ({ headers: verifier() }), { verdict: 'MISSING' }],
  [
    'a gateway that is not known',
    '/verify',
    () => ({ headers: { 'latchkey-verifier': createApiKeySecret('lk') } }),
    { status: 400, code: 'UNAUTHENTICATED', reason: 'UNKNOWN', keyId: undefined },
  ],
  [
    'a document that is not there',
    '/documents/doc_01arz3ndektsv4rrffq69g5fav',
    () => ({ headers: { 'x-api-key': workspace.secret } }),
    { status: 404, cost: 1 },
  ],
  [
    'a document of nobody',
    '/documents/doc_01arz3ndektsv4rrffq69g5fav',
    () => ({}),
    { status: 401, code: 'UNAUTHENTICATED', reason: 'MISSING', keyId: undefined },
  ],
])('%s is one line under the id of its answer', async (_, path, initOf, expected) => {
  const response = await world.app.fetch(request(path, initOf()))
  expect(lines()).toHaveLength(1)
  const { keyId, verifiedKeyId, ...line } = lastLine(world.logs)
  expect({ keyId, verifiedKeyId, ...line }).toMatchObject({
    path,
    requestId: response.headers.get('x-request-id'),
    keyId: workspace.keyId,
    ...expected,
  })
})

test.each([
  ['/nothing', '/nothing'],
  ['/nothing?a=secret', '/nothing'],
  ['/graphql/', '/graphql/'],
  ['/.well-known/openid-configuration', '/.well-known/…'],
  ['/api/v1/keys/revoke', '/api/…'],
  [`/${createApiKeySecret('lk')}`, '/…'],
  ['/x/an-old-secret-of-somebody', '/x/…'],
  ['/documents/doc_01arz3ndektsv4rrffq69g5fav', '/documents/doc_01arz3ndektsv4rrffq69g5fav'],
  [`/documents/${createApiKeySecret('lk')}`, '/documents/…'],
])('the path %s is logged as %s', async (path, shown) => {
  await world.app.fetch(request(path))
  expect(lastLine(world.logs)).toMatchObject({ level: 30, path: shown })
})

test('probes that succeed are lines of the level debug', async () => {
  for (const path of ['/health', '/ready', '/metrics']) await world.app.fetch(request(path))
  expect(lines().map(({ level, path }) => [level, path])).toEqual([
    [20, '/health'],
    [20, '/ready'],
    [20, '/metrics'],
  ])
})

test.each<[Config['logRequests'], number[]]>([
  ['on', [200, 401, 404]],
  ['errors', [401, 404]],
  ['off', []],
])('LOG_REQUESTS=%s', async (logRequests, statuses) => {
  const options = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  const app = createApp(world.deps, { ...options, logRequests })
  for (const secret of [workspace.secret, 'lk_mistyped']) await gqlOver(app)(secret, viewer)
  await app.fetch(request('/nothing'))
  expect(lines().map(({ status }) => status)).toEqual(statuses)
})

async function listening() {
  const { handle, ended } = world.app
  const { logger } = world.deps
  const limits = { maxBodyBytes: 100, maxUploadBytes: 100 }
  const listener = await listen(handle, { host: '127.0.0.1', port: 0, logger, ended, ...limits })
  onTestFinished(() => listener.close(0))
  return listener.port
}

test.each([
  ['POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 101', 413, '/graphql'],
  ['GET /graphql?query=x HTTP/1.1\r\nHost: a/b', 400, '/graphql'],
  ['GET /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/css', 406, '/graphql'],
  ['GET /nothing HTTP/1.1\r\nHost: x', 404, '/nothing'],
])(
  'what the server refuses before the application is logged, too: %j',
  async (head, status, path) => {
    const answer = await exchange(await listening(), `${head}\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    const [, requestId] = /^x-request-id: (.+)\r$/im.exec(answer) ?? []
    await expect
      .poll(lines)
      .toMatchObject([{ status, path, address: '127.0.0.1', ...(requestId && { requestId }) }])
  },
)

test('a client that leaves before its answer is logged as aborted', async () => {
  const { socket, write } = await open(await listening())
  const head = 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json'
  await write(`${head}\r\nContent-Length: 90\r\n\r\n{"query":`)
  socket.destroy()
  await once(socket, 'close')
  await expect.poll(lines).toMatchObject([{ method: 'POST', status: 499, aborted: true }])
})
