import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { createWorld, type World } from '../setup/world.ts'
import { type Client, exchange, send } from './ask.ts'

let world: World
let verifier: Client
const sent: string[] = []

/** Notes every statement as the driver is given it, and lets it pass. */
function listen(): void {
  const prototype: { query: (...args: any[]) => any } = inject('postgres')
    ? pg.Client.prototype
    : PGlite.prototype
  const { query } = prototype
  vi.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...args) {
    const text = typeof args[0] === 'string' ? args[0] : args[0]?.text
    // Writing when keys were used goes on beside it.
    if (typeof text === 'string' && text.trimStart().startsWith('SELECT')) sent.push(text)
    return query.apply(this, args)
  })
}

beforeAll(async () => {
  listen()
  world = await createWorld()
  const workspace = await world.createWorkspace()
  verifier = { id: workspace.keyId, secret: workspace.secret }
})
afterAll(async () => {
  vi.restoreAllMocks()
  await world.close()
})

async function statementsFor(token: string, active: boolean): Promise<number> {
  const from = sent.length
  const { body } = await send(world, '/oauth/introspect', { token }, { client: verifier })
  expect(body.active).toBe(active)
  return sent.length - from
}

// Whoever floods a resource server with made-up tokens would flood the database through it.
test('a signature that is not ours costs no statement, a token of ours one', async () => {
  const token = await exchange(world, verifier)
  const [head = '', body = '', signature = ''] = token.split('.')
  await statementsFor(token, true)
  // Where other replicas can change the database, the verifier itself is read for every request.
  const forTheVerifier = inject('postgres') ? 1 : 0
  const other = [...signature].reverse().join('')
  expect(await statementsFor(`${head}.${body}.${other}`, false)).toBe(forTheVerifier)
  expect(await statementsFor(verifier.secret, false)).toBe(forTheVerifier)
  expect(await statementsFor('nonsense', false)).toBe(forTheVerifier)
  expect(await statementsFor(token, true)).toBe(forTheVerifier + 1)
})
