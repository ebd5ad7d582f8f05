import { setImmediate as immediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { CallerTurns } from '../../src/limits/caller-turns.ts'
import { serve } from '../http/listening.ts'
import { seed } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type World } from '../setup/world.ts'

let statements: Statements
let world: World

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const lists = (fields: number): string =>
  `{ ${Array.from({ length: fields }, (_, index) => `a${index}: spaces { nodes { id } }`).join(' ')} }`

test('a caller does not wait for all queries that another has asked', async () => {
  const { secret } = await world.createWorkspace()
  const make = seed(world, secret)
  const [many, few] = [
    await make.key({ name: 'many', permissions: ['*'] }),
    await make.key({ name: 'few', permissions: ['*'] }),
  ]
  await world.gql(many.secret, lists(1))
  await world.gql(few.secret, lists(1))
  let answered = 0
  const asked = Array.from({ length: 60 }, async () => {
    const { status } = await world.gql(many.secret, lists(20))
    answered += 1
    return status
  })
  await immediate()
  expect((await world.gql(few.secret, lists(1))).status).toBe(200)
  expect(answered).toBeLessThan(20)
  expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
})

test('a query whose client leaves before its turn is not executed', async () => {
  const { secret } = await world.createWorkspace()
  const arrived = vi.fn(world.app.fetch)
  const { url } = await serve((request, peer) => arrived(request, peer))
  const ask = (signal: AbortSignal | null) =>
    fetch(`${url}/graphql?query=${encodeURIComponent(lists(20))}`, {
      headers: { 'x-api-key': secret },
      signal,
    })
  expect((await ask(null)).status).toBe(200)
  const from = statements.sent.length
  const isGone = Promise.withResolvers<void>()
  statements.answering = () => isGone.promise
  onTestFinished(() => {
    statements.answering = () => undefined
  })
  const leaving = new AbortController()
  const asked = Promise.allSettled(Array.from({ length: 60 }, () => ask(leaving.signal)))
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledTimes(61), 20_000)
  leaving.abort()
  await asked
  isGone.resolve()
  expect((await ask(null)).status).toBe(200)
  expect(statements.sent.length - from).toBeLessThan(30 * 20)
})

test('too many queries of a caller at once are refused, and the others answered', async () => {
  const { secret } = await world.createWorkspace()
  const asked = Array.from({ length: 250 }, () => world.gql(secret, lists(1)))
  const answers = await Promise.all(asked)
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
  expect(refused[0]?.errors[0]?.extensions.code).toBe('RATE_LIMITED')
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(250 - refused.length)
  expect((await world.gql(secret, lists(1))).status).toBe(200)
})

test('a turn is passed on, also by work that fails', async () => {
  const turns = new CallerTurns(2)
  let running = 0
  let most = 0
  const work = async (index: number): Promise<number> => {
    running += 1
    most = Math.max(most, running)
    await immediate()
    running -= 1
    if (index % 3 === 0) throw new Error('for the test')
    return index
  }
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => turns.run('caller', () => work(index))),
  )
  expect(most).toBe(2)
  expect(results.map(({ status }) => status)).toEqual(
    results.map((_, index) => (index % 3 === 0 ? 'rejected' : 'fulfilled')),
  )
  expect(await turns.run('other', () => 1)).toBe(1)
})
