import { afterAll, expect, test } from 'vitest'
import { done, seed } from '../setup/seed.ts'
import { inWords } from './backend.ts'
import { startGateway } from './gateway.ts'

const gateway = await startGateway({ isNew: true })
afterAll(() => gateway.close())
const make = seed(gateway.world, gateway.workspace.secret)
const reader = { permissions: ['agents:read'], allSpaces: true }
const key = await make.key({ name: 'client', ...reader })

const ask = async (): Promise<string> => inWords(await gateway.ask(key.secret, '/agents/a'))

// No client may take it for a verdict on itself, and none may be let in unjudged.
test('what is wrong with the gateway is 500 for the client, and lets nobody through', async () => {
  const { world, workspace, verifier } = gateway
  const change = (mutation: string) =>
    done(world, workspace.secret, mutation, 'apiKey { id }', { id: verifier.id })
  expect(await ask()).toBe('passed')
  await change('disableApiKey')
  expect(await ask()).toBe('500')
  // A better key that the client brings along is not the gateway's.
  const headers = { 'latchkey-verifier': workspace.secret }
  expect(inWords(await gateway.ask(key.secret, '/agents/a', { headers }))).toBe('500')
  expect(gateway.nginx.logged()).toContain('auth request unexpected status: 400')
  await change('enableApiKey')
  expect(await ask()).toBe('passed')
})

test('while Latchkey does not answer nothing passes, and all is well once it does', async () => {
  for (let outage = 0; outage < 2; outage += 1) {
    expect(await ask()).toBe('passed')
    await gateway.latchkey.stop()
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['503', '503', '503'])
    await gateway.latchkey.start()
  }
  gateway.latchkey.pretend(() => new Promise(() => undefined))
  expect(await ask()).toBe('503')
  gateway.latchkey.pretend(undefined)
  expect(await ask()).toBe('passed')
})

test('nothing but a success of Latchkey lets anybody through', async () => {
  const headers = { 'latchkey-verdict': 'VALID', 'latchkey-key-id': key.id, location: '/agents/b' }
  const refusals = [401, 403]
  const mistakes = [300, 301, 302, 304, 400, 402, 404, 405, 418, 429, 431, 500, 501]
  const outages = [502, 503, 504]
  for (const status of [...refusals, ...mistakes, ...outages]) {
    gateway.latchkey.pretend(async () => new Response(null, { status, headers }))
    const outcome = await gateway.ask(key.secret, '/agents/a')
    const shown = refusals.includes(status) ? status : outages.includes(status) ? 503 : 500
    expect([status, outcome.status, outcome.received]).toEqual([status, shown, undefined])
  }
  gateway.latchkey.pretend(undefined)
  expect(await ask()).toBe('passed')
})

// The last one: there is no database afterwards.
test('when Latchkey cannot know, the client is told to come again', async () => {
  const { secret } = await make.key({ name: 'not seen before', ...reader })
  expect(await ask()).toBe('passed')
  await gateway.world.close()
  const outcome = await gateway.ask(secret, '/agents/a')
  expect(inWords(outcome)).toBe('503')
  expect(outcome.headers.get('retry-after')).toBe('1')
})
