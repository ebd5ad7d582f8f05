import { afterAll, beforeAll, expect, test } from 'vitest'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type World } from '../setup/world.ts'
import { type Client, exchange, send } from './ask.ts'

let world: World
let verifier: Client
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  const workspace = await world.createWorkspace()
  verifier = { id: workspace.keyId, secret: workspace.secret }
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

async function statementsFor(token: string, active: boolean): Promise<number> {
  const from = statements.sent.length
  const { body } = await send(world, '/oauth/introspect', { token }, { client: verifier })
  expect(body.active).toBe(active)
  // Writing when keys were used goes on beside it.
  return statements.sent.slice(from).filter((text) => text.trimStart().startsWith('SELECT')).length
}

// Whoever floods a resource server with made-up tokens would flood the database through it.
test('a signature that is not ours costs no statement, a token of ours one', async () => {
  const token = await exchange(world, verifier)
  // Where the verifier is remembered by a lease, it does not run out.
  jumpingClock().stop()
  await expect.poll(() => world.deps.replica.holdsLease, { timeout: 10_000 }).toBe(true)
  const [head = '', body = '', signature = ''] = token.split('.')
  await statementsFor(token, true)
  const other = [...signature].reverse().join('')
  expect(await statementsFor(`${head}.${body}.${other}`, false)).toBe(0)
  expect(await statementsFor(verifier.secret, false)).toBe(0)
  expect(await statementsFor('nonsense', false)).toBe(0)
  expect(await statementsFor(token, true)).toBe(1)
})
