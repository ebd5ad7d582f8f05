import { Agent, request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { gate, knock } from '../modules/credential/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { exchange, serve } from './listening.ts'

let world: World
let workspace: TestWorkspace
let verifier: string
let client: string
let headers: Record<string, string>

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const { key } = seed(world, workspace.secret)
  const asVerifier = { name: 'gateway', permissions: ['keys:verify', 'keys:read'] }
  verifier = (await key(asVerifier)).secret
  const terms = { name: 'client', permissions: ['scopes:read', '*:read'], allSpaces: true }
  client = (await key(terms)).secret
  headers = { 'latchkey-verifier': verifier, authorization: `Bearer ${client}` }
})
afterAll(() => world.close())

const ask = (query: string) => knock(world, headers, { query })

// One that is mistyped would ask for less than was meant, and let in who should not be.
test('what is asked for in a way that is not known is the mistake of the gateway, and no verdict', async () => {
  const secret = createApiKeySecret('lk')
  const wrong: Record<string, string> = {
    '?permissions=scopes:read': 'There is no parameter "permissions"; use permission, space, ip.',
    '?permission[]=scopes:read': 'There is no parameter "permission[]"',
    '?Permission=scopes:read': 'There is no parameter "Permission"',
    '?permission=scopes:read&cost=0': 'There is no parameter "cost"',
    '?scopes:read': 'There is no parameter "scopes:read"',
    '?=': 'There is no parameter ""',
    [`?${secret}`]: 'There is no parameter "lk_[…]"',
    [`?${'x'.repeat(5_000)}`]: 'There is no parameter',
    '?permission=': 'There is no permission ""',
    '?permission=scopes:reed': 'There is no permission "scopes:reed"',
    '?permission=scopes:read,keys:read': '"scopes:read,keys:read" is several permissions',
    '?permission=scopes:read&permission=SCOPES:READ': 'There is no permission "SCOPES:READ"',
    '?permission=scopes%253Aread': 'There is no permission "scopes%3Aread"',
    '?permission=%ff%fe': 'There is no permission',
    [`?permission=${secret}`]: 'There is no permission "[…]"',
    '?permission=scopes:read%0d%0aLatchkey-Verdict:%20VALID': 'There is no permission',
    '?ip=': '"" is no IP address.',
    '?ip=10.0.0.1:80': '"10.0.0.1:80" is no IP address.',
    '?ip=10.0.0.0/8': '"10.0.0.0/8" is no IP address.',
    [`?ip=${secret}`]: '"[…]" is no IP address.',
    '?ip=10.0.0.1,10.0.0.2': '"10.0.0.1,10.0.0.2" is several addresses; name each by itself.',
    '?permission=scopes:read#': 'The address must not have a fragment (#).',
    '?ip=10.0.0.1&ip=10.0.0.1': 'ip is repeated.',
    '?ip=10.0.0.1&ip=': 'ip is repeated.',
    [`?${'permission=scopes:read&'.repeat(201)}`]: 'At most 200 permissions are possible.',
    [`?${'space=x&'.repeat(1_001)}`]: 'At most 1000 spaces are possible.',
  }
  for (const [query, message] of Object.entries(wrong)) {
    const { status, headers: told, body } = await ask(query)
    const { error } = JSON.parse(body)
    expect([query, status, error]).toEqual([query, 400, expect.stringContaining(message)])
    expect(error.length).toBeLessThan(200)
    expect(Object.keys(told).sort()).toEqual([
      'access-control-allow-origin',
      'access-control-expose-headers',
      'cache-control',
      'content-length',
      'content-type',
      'x-content-type-options',
      'x-request-id',
    ])
    // Nor does it matter who presents what.
    const without = await knock(world, { 'latchkey-verifier': verifier }, { query })
    expect([query, without.status, without.body]).toEqual([query, 400, body])
  }
})

// Nothing of a question is lost or misread on its way, else less would be asked than was meant.
test('a question is read like every address: encoded, repeated, in whatever order, or empty', async () => {
  for (const query of [
    '',
    '?',
    '?&',
    '?permission=scopes%3Aread',
    '?%70ermission=scopes:read',
    '?permission=scopes:read&permission=agents:read&permission=scopes:read',
    '?permission=%2a%3Aread&ip=2001:db8::1&permission=spaces:read',
    '?ip=%3A%3Affff%3A10.0.0.1',
    '?ip=fe80::1%25eth0',
  ])
    expect([query, (await ask(query)).status]).toEqual([query, 204])
  for (const query of ['?permission=keys:read', '?permission=scopes:read&permission=keys:read'])
    expect((await ask(query)).headers['latchkey-verdict']).toBe('INSUFFICIENT_PERMISSIONS')
  for (const space of ['', '%00', 'x'.repeat(9_000), '%0d%0aX:%20y', '../..', '*'])
    expect([space, (await ask(`?space=${space}`)).headers]).toMatchObject([
      space,
      { 'latchkey-verdict': 'SPACE_NOT_ALLOWED' },
    ])
})

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']

// Envoy asks with the method of the request that it asks about. What is no refusal is a yes to it.
test.each(methods)(
  'asked by %s there is a verdict, and none without a credential',
  async (method) => {
    const { headers: told } = await gate(world, verifier, { secret: client })
    const yes = await knock(world, headers, { method, query: '?permission=scopes:read' })
    expect(yes).toMatchObject({ status: 204, body: '' })
    expect(Object.keys(yes.headers)).toEqual(Object.keys(told))
    const browser = { origin: 'https://app.example', 'access-control-request-method': 'PUT' }
    const no = await knock(world, { 'latchkey-verifier': verifier, ...browser }, { method })
    expect(no).toMatchObject({ status: 401, headers: { 'latchkey-verdict': 'MISSING' } })
    expect((await knock(world, browser, { method })).status).toBe(400)
  },
)

/** What is answered at a path to these headers. */
async function at(path: string, own: Record<string, string> = headers, method = 'GET') {
  const request = new Request(`http://latchkey.test${path}`, { headers: own, method })
  const answer = await world.app.fetch(request)
  return { status: answer.status, told: Object.fromEntries(answer.headers) }
}

test('no other path is taken for it', async () => {
  for (const path of ['/Verify', '/x/verify', '//verify', '/%76erify', '/verify;x', '/verifyx'])
    expect([path, (await at(path)).status]).toEqual([path, 404])
  for (const path of ['/verify#', '/verify#/', '/verify%2f'])
    expect([path, (await at(path)).status]).toEqual([path, 404])
})

// A proxy on the way may resolve the dots in a path that a client has chosen.
test('a question that comes to another path is refused there', async () => {
  for (const path of ['/', '/health', '/health/', '/metrics', '/graphql?query={__typename}'])
    for (const method of ['GET', 'OPTIONS']) {
      const { status } = await at(path, { ...headers, accept: 'text/html' }, method)
      expect([path, method, status]).toEqual([path, method, 404])
    }
  const { port } = await serve(world.app.fetch)
  const lines = ['GET /verify/../health HTTP/1.1', 'Host: a', 'Connection: close', '', '']
  expect(await exchange(port, lines.join('\r\n'))).toMatch(/^HTTP\/1\.1 400 /)
})

// Envoy appends the path and query of the client, and takes nothing but 200 for a yes.
test('below it any path gets a verdict, and a yes is 200', async () => {
  for (const path of ['/', '/agents/1', '/agents/1?a=1&b', '//', '/verify'])
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { status, told } = await at(`/verify${path}`, headers, method)
      expect([path, status, told['latchkey-verdict']]).toEqual([path, 200, 'VALID'])
      expect(told).toMatchObject({
        'content-length': '0',
        'latchkey-key-id': expect.stringMatching(/^key_/),
      })
      const none = await at(`/verify${path}`, { 'latchkey-verifier': verifier }, method)
      expect([path, none.status, none.told['latchkey-verdict']]).toEqual([path, 401, 'MISSING'])
    }
  expect((await at('/verify/agents/1', { authorization: `Bearer ${client}` })).status).toBe(400)
})

test('below it the query of a client never makes the question smaller', async () => {
  const asks = async (query: string) => {
    const { status, told } = await at(`/verify/agents${query}`)
    return [status, told['latchkey-verdict']]
  }
  expect(await asks('?permission=scopes:read')).toEqual([200, 'VALID'])
  expect(await asks('?a=1&permission=keys:read')).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
  const hidden = ['#?permission=keys:read', '?a=#&permission=keys:read', '#']
  for (const query of [
    ...hidden,
    '?space=x',
    '?ip=10.0.0.1',
    '?a=b&%73pace=',
    '?permission=scopes:reed',
  ])
    expect([query, await asks(query)]).toEqual([query, [400, undefined]])
})

// What follows a body that HEAD must not have would be taken for the next answer.
test('over a connection that is kept, each answer ends where it says', async () => {
  const { port } = await serve(world.app.fetch)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = (method: string, own: Record<string, string>) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const sent = request({ port, path: '/verify', method, agent, headers: own }, (answer) => {
        let text = ''
        answer.on('data', (part) => {
          text += part
        })
        answer.on('end', () => resolve({ status: answer.statusCode, text }))
      })
      sent.on('error', reject).end()
    })
  const none = { 'latchkey-verifier': verifier }
  for (let round = 0; round < 2; round += 1)
    for (const method of ['GET', 'HEAD']) {
      expect(await send(method, headers)).toEqual({ status: 204, text: '' })
      expect(await send(method, none)).toEqual({ status: 401, text: '' })
      expect(await send(method, {})).toMatchObject({ status: 400 })
    }
  agent.destroy()
})
