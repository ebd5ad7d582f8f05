import { afterAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { mint } from '../modules/access-token/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { inWords, valuesOf } from './backend.ts'
import { startGateway } from './gateway.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())
const make = seed(gateway.world, gateway.workspace.secret)
const space = await make.space({ name: 'one' })
const otherSpace = await make.space({ name: 'other' })

const can = { permissions: ['agents:read', 'agents:update', 'agents:run'] }
const runs = (id: string): string => `/spaces/${id}/runs`

test('every request is asked about, from its address and with what its location asks for', async () => {
  const { secret } = await make.key({ name: 'asked', ...can, allSpaces: true })
  const before = gateway.latchkey.questions.length
  await gateway.ask(secret, '/agents/a')
  await gateway.ask(secret, '/agents/a', { method: 'POST', body: 'new' })
  await gateway.ask(secret, runs(space), { method: 'POST', body: 'run' })
  await gateway.ask(secret, '/agents/a')
  const headers = {
    authorization: `Bearer ${secret}`,
    'latchkey-verifier': gateway.verifier.secret,
    host: 'latchkey',
  }
  const question = (asked: string) => ({
    method: 'GET',
    target: `/verify?ip=127.0.0.1&${asked}`,
    headers,
  })
  expect(gateway.latchkey.questions.slice(before)).toEqual([
    question('permission=agents:read'),
    question('permission=agents:update'),
    question(`permission=agents:run&space=${space}`),
    question('permission=agents:read'),
  ])
})

test('who has a good key or token of it passes, and the service is told who it is', async () => {
  const key = await make.key({
    name: 'good',
    ...can,
    spaces: [{ spaceId: space, permissions: ['agents:read', 'agents:run'] }],
  })
  const { token } = await mint(gateway.world, key.secret, { permissions: ['agents:read'] })
  for (const [secret, path, permissions] of [
    [key.secret, runs(space), 'agents:read agents:run'],
    [key.secret, '/agents/a', 'agents:read agents:run'],
    [token, '/agents/a', 'agents:read'],
  ] as const) {
    const { status, received } = await gateway.ask(secret, path)
    expect(status).toBe(200)
    const told = (name: string) => received && valuesOf(received, name)
    expect(told('Latchkey-Key-Id')).toEqual([key.id])
    expect(told('Latchkey-Owner-Id')).toEqual([gateway.workspace.ownerId])
    expect(told('Latchkey-Workspace-Id')).toEqual([gateway.workspace.id])
    expect(told('Latchkey-Permissions')).toEqual([permissions])
  }
  const byHeader = await gateway.ask(null, '/agents/a', { headers: { 'x-api-key': key.secret } })
  expect(inWords(byHeader)).toBe('passed')
})

test('whoever is refused is told why, and the service knows nothing of it', async () => {
  const input = { ...can, spaces: [{ spaceId: space }] }
  const good = await make.key({ name: 'refused', ...input })
  const disabled = await make.key({ name: 'disabled', ...input })
  await done(gateway.world, gateway.workspace.secret, 'disableApiKey', 'apiKey { id }', {
    id: disabled.id,
  })
  const reader = await make.key({ name: 'reader', permissions: ['agents:read'], allSpaces: true })
  const stranger = await gateway.world.createWorkspace()
  const before = gateway.service.received.length
  const cases: readonly (readonly [string | null, string, string, RequestInit?])[] = [
    [null, '/agents/a', '401 MISSING'],
    ['nonsense', '/agents/a', '401 MALFORMED'],
    [createApiKeySecret('lk'), '/agents/a', '401 NOT_FOUND'],
    [stranger.secret, '/agents/a', '401 NOT_FOUND'],
    [disabled.secret, '/agents/a', '401 DISABLED'],
    [good.secret, runs(otherSpace), '403 SPACE_NOT_ALLOWED'],
    [good.secret, runs('spc_00000000000000000000000000'), '403 SPACE_NOT_ALLOWED'],
    [reader.secret, runs(space), '403 INSUFFICIENT_PERMISSIONS'],
    [reader.secret, '/agents/a', '403 INSUFFICIENT_PERMISSIONS', { method: 'DELETE' }],
  ]
  for (const [secret, path, expected, init] of cases) {
    const outcome = await gateway.ask(secret, path, init)
    expect([path, inWords(outcome)]).toEqual([path, expected])
    const challenge = { '401 MISSING': 'Bearer' }[expected] ?? 'Bearer error="invalid_token"'
    expect(outcome.headers.get('www-authenticate')).toBe(outcome.status === 401 ? challenge : null)
  }
  expect(gateway.service.received).toHaveLength(before)
})

// The promise of revocation holds behind a gateway as well: no request begun after it passes.
test('a revoked key or token is refused from the next request on', async () => {
  const { world, workspace } = gateway
  const key = await make.key({ name: 'revoked', ...can, allSpaces: true })
  const first = await mint(world, key.secret)
  const second = await mint(world, key.secret)
  const outcomes = async () => {
    const asked = [key.secret, first.token, second.token]
    return (await Promise.all(asked.map((each) => gateway.ask(each, '/agents/a')))).map(inWords)
  }
  expect(await outcomes()).toEqual(['passed', 'passed', 'passed'])
  await done(world, key.secret, 'revokeAccessToken', 'accessToken { id }', { id: first.id })
  expect(await outcomes()).toEqual(['passed', '401 REVOKED', 'passed'])
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  expect(await outcomes()).toEqual(['401 REVOKED', '401 REVOKED', '401 REVOKED'])
})

test('over its limit a key gets 429 and is told when to come back; other keys pass', async () => {
  const limited = await make.key({ name: 'three', ...can, allSpaces: true, requestsPerMinute: 3 })
  const other = await make.key({ name: 'more', ...can, allSpaces: true, requestsPerMinute: 9 })
  // What is refused for another reason is not counted.
  const refused = await gateway.ask(limited.secret, runs('spc_00000000000000000000000000'))
  expect(inWords(refused)).toBe('403 SPACE_NOT_ALLOWED')
  const outcomes = []
  for (let count = 0; count < 5; count += 1)
    outcomes.push(await gateway.ask(limited.secret, '/agents/a'))
  expect(outcomes.map(inWords)).toEqual([
    'passed',
    'passed',
    'passed',
    '429 RATE_LIMITED',
    '429 RATE_LIMITED',
  ])
  const [passed, over] = [outcomes[0], outcomes[3]]
  expect(passed?.headers.get('retry-after')).toBeNull()
  expect(passed?.headers.get('ratelimit-policy')).toBe('"key";q=3;w=60')
  expect(passed?.headers.get('ratelimit')).toMatch(/^"key";r=2;t=\d+$/)
  expect(over?.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/)
  const seconds = Number(over?.headers.get('retry-after'))
  expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60).toBe(true)
  expect(inWords(await gateway.ask(other.secret, '/agents/a'))).toBe('passed')
})

// The address is the connection's, and no header of the client's changes it.
test("a key's address rule is held against where the client connects from", async () => {
  const input = { ...can, allSpaces: true }
  const here = await make.key({ name: 'here', ...input, allowedIps: ['127.0.0.1'] })
  const elsewhere = await make.key({ name: 'elsewhere', ...input, allowedIps: ['192.0.2.0/24'] })
  const forged = { 'x-forwarded-for': '192.0.2.1', 'x-real-ip': '192.0.2.1' }
  for (const headers of [{}, forged]) {
    expect(inWords(await gateway.ask(here.secret, '/agents/a', { headers }))).toBe('passed')
    expect(inWords(await gateway.ask(elsewhere.secret, '/agents/a', { headers }))).toBe(
      '401 IP_NOT_ALLOWED',
    )
  }
})
