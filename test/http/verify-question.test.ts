import { Agent, request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { gate, knock } from '../modules/credential/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { serve } from './listening.ts'

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
    '?permission=': 'There is no permission "[…]"',
    '?permission=scopes:reed': 'There is no permission "scopes:reed"',
    '?permission=scopes:read,keys:read': 'There is no permission "[…]"',
    '?permission=scopes:read&permission=SCOPES:READ': 'There is no permission "[…]"',
    '?permission=scopes%253Aread': 'There is no permission "[…]"',
    '?permission=%ff%fe': 'There is no permission',
    [`?permission=${secret}`]: 'There is no permission "[…]"',
    '?permission=scopes:read%0d%0aLatchkey-Verdict:%20VALID': 'There is no permission',
    '?ip=': 'This is no IP address.',
    '?ip=10.0.0.1:80': 'This is no IP address.',
    '?ip=10.0.0.0/8': 'This is no IP address.',
    [`?ip=${secret}`]: 'This is no IP address.',
    '?ip=10.0.0.1,10.0.0.2': 'This is no IP address.',
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
      'cache-control',
      'content-length',
      'content-type',
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
    '?permission=scopes:read#permission=nonsense',
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

test('it is asked by GET or HEAD, at exactly this path', async () => {
  const { headers: told } = await gate(world, verifier, { secret: client })
  const head = await knock(world, headers, { method: 'HEAD' })
  expect(head).toMatchObject({ status: 204, body: '' })
  expect(Object.keys(head.headers)).toEqual(Object.keys(told))
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const { status, headers: refused } = await knock(world, headers, { method })
    expect([method, status, refused.allow]).toEqual([method, 405, 'GET, HEAD'])
    expect(refused).not.toHaveProperty('latchkey-verdict')
  }
  for (const path of ['/verify/', '/Verify', '/x/verify', '//verify', '/%76erify', '/verify;x']) {
    const answer = await world.app.fetch(new Request(`http://latchkey.test${path}`, { headers }))
    expect([path, answer.status]).toEqual([path, 404])
  }
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
