import { beforeEach, expect, test } from 'vitest'
import { storesNothing } from '../input/nothing-stored.ts'
import { type Client, exchange, failure, type OAuthAnswer, send } from '../oauth/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { cheap, limitHeaders, limitTo, remaining, toldLimits } from './ask.ts'

let workspace: TestWorkspace
/** May ask 5 times. */
let key: Client
let verifier: Client

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  key = await make.key({ name: 'client', requestsPerMinute: 5, permissions: ['workspace:read'] })
  verifier = { id: workspace.keyId, secret: workspace.secret }
})

const grant = { grant_type: 'client_credentials' }
const token = (client = key) => send(world, '/oauth/token', grant, { client })
const revoke = (jwt: string, client = key) =>
  send(world, '/oauth/revoke', { token: jwt }, { client })
const introspect = (jwt: string, client = verifier, form = {}) =>
  send(world, '/oauth/introspect', { token: jwt, ...form }, { client })

/** What remains of the key's limit, of which this takes 1. */
const restOfKey = async (): Promise<number | undefined> =>
  remaining((await world.gql(key.secret, cheap)).headers).key

const useUp = async (): Promise<void> => {
  while (((await restOfKey()) ?? 0) > 0);
}

/** A client that is told invalid_client throws its key away, one that is told inactive its token. */
function expectTooMuch(answer: OAuthAnswer): void {
  expect(failure(answer)).toBe('429 temporarily_unavailable')
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  expect(answer.headers.get('www-authenticate')).toBeNull()
  expect(answer.headers.get('cache-control')).toBe('no-store')
}

test('a client is charged 1 for a token and for the end of one, and told its limits', async () => {
  const minted = await token()
  expect([minted.status, remaining(minted.headers)]).toEqual([200, { key: 4 }])
  const ended = await revoke(minted.body.access_token)
  expect([ended.status, remaining(ended.headers)]).toEqual([200, { key: 3 }])
  expect(toldLimits(ended.headers)).toMatchObject({ key: { limit: 5 } })
  expect(limitHeaders(ended.headers)).toHaveLength(5)
  expect(ended.headers.get('access-control-expose-headers')).toContain('RateLimit-Policy')
  const wrongScope = { ...grant, scope: 'agents:fly' }
  const refused = await send(world, '/oauth/token', wrongScope, { client: key })
  expect([failure(refused), remaining(refused.headers)]).toEqual(['400 invalid_scope', { key: 2 }])
  expect((await revoke('nonsense')).status).toBe(200)
  expect(await restOfKey()).toBe(0)
})

test('over the limit no token is made, and none is ended', async () => {
  const jwt = await exchange(world, key)
  await useUp()
  await storesNothing(world, async () => {
    for (const answer of [await token(), await revoke(jwt)]) {
      expectTooMuch(answer)
      expect(remaining(answer.headers)).toEqual({ key: 0 })
      expect(answer.text).not.toContain('access_token')
    }
  })
  expect((await introspect(jwt)).status).toBe(429)
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    requestsPerMinute: null,
  })
  expect((await introspect(jwt)).body).toMatchObject({ active: true })
})

test('what is refused before the client is known costs nothing', async () => {
  const refusals = [
    await send(world, '/oauth/token', {}, { client: key }),
    await send(world, '/oauth/token', { grant_type: 'password' }, { client: key }),
    await send(world, '/oauth/token', 'a=1&a=2', { client: key }),
    await send(world, '/oauth/revoke', {}, { client: key, method: 'GET' }),
    await send(world, '/oauth/token', grant, { client: { ...key, secret: `${key.secret}x` } }),
  ]
  for (const { status, headers } of refusals) {
    expect(status).toBeGreaterThanOrEqual(400)
    expect(limitHeaders(headers)).toEqual([])
  }
  expect(await restOfKey()).toBe(4)
})

test('an introspection is charged to the key of an active token, and nobody else', async () => {
  const jwt = await exchange(world, key)
  const sees = await seed(world, workspace.secret).key({
    name: 'verifier',
    permissions: ['keys:*'],
    requestsPerMinute: 2,
  })
  for (let count = 0; count < 2; count += 1) {
    const { status, body, headers } = await introspect(jwt, sees)
    expect([status, body.active, remaining(headers)]).toEqual([200, true, { key: 2 }])
  }
  expect(await restOfKey()).toBe(1)
  expect((await introspect('nonsense', sees)).body).toEqual({ active: false })
  expect((await introspect(jwt, sees, { resource: 'urn:x' })).body).toEqual({ active: false })
  expect(await restOfKey()).toBe(0)
  // Inactive is for good: a resource server would end the session that hangs on it.
  expectTooMuch(await introspect(jwt, sees))
})

test('who has used up their own limit may go on asking about tokens, who is blocked may not', async () => {
  const jwt = await exchange(world, key)
  const make = seed(world, workspace.secret)
  const may = { permissions: ['keys:*'] }
  const usedUp = await make.key({ name: 'used up', requestsPerMinute: 1, ...may })
  const blocked = await make.key({ name: 'blocked', requestsPerMinute: 0, ...may })
  await world.gql(usedUp.secret, cheap)
  expect((await world.gql(usedUp.secret, cheap)).status).toBe(429)
  expect((await introspect(jwt, usedUp)).body).toMatchObject({ active: true })
  expectTooMuch(await introspect(jwt, blocked))
})

test('who may not ask about tokens pays for asking', async () => {
  const jwt = await exchange(world, key)
  const answer = await introspect(jwt, key)
  expect([failure(answer), remaining(answer.headers)]).toEqual([
    '403 insufficient_scope',
    { key: 3 },
  ])
  await useUp()
  expectTooMuch(await introspect(jwt, key))
})

test('what its workspace has used up, no key has left', async () => {
  const jwt = await exchange(world, key)
  await limitTo(world, workspace, 3)
  for (let count = 0; count < 2; count += 1) await world.gql(workspace.secret, cheap)
  expect((await introspect(jwt)).body).toMatchObject({ active: true })
  const answer = await token()
  expectTooMuch(answer)
  expect(remaining(answer.headers)).toEqual({ key: 1, workspace: 0 })
  expectTooMuch(await introspect(jwt))
})
