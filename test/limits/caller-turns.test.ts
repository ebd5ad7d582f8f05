import { setImmediate as immediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { CallerQueue } from '../../src/limits/caller-queue.ts'
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
  const workspace = await world.createWorkspace()
  const input = { name: 'limited', permissions: ['*'], requestsPerMinute: 1_000 }
  const { secret } = await seed(world, workspace.secret).key(input)
  const asked = Array.from({ length: 250 }, () => world.gql(secret, lists(1)))
  const answers = await Promise.all(asked)
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
  expect(refused[0]?.errors[0]?.extensions.code).toBe('RATE_LIMITED')
  const answered = answers.filter(({ status }) => status === 200)
  expect(answered).toHaveLength(250 - refused.length)
  // A refused request charges nothing, and tells how the limits stand all the same.
  const used = ({ headers }: { headers: Headers }): number =>
    Number(headers.get('x-ratelimit-limit')) - Number(headers.get('x-ratelimit-remaining'))
  expect(Math.max(...answers.map(used))).toBe(answered.length)
  const after = await world.gql(secret, lists(1))
  expect(after.status).toBe(200)
  expect(used(after)).toBe(answered.length + 1)
})

test('a spent limit refuses without waiting for a turn', async () => {
  const { secret } = await world.createWorkspace()
  const key = await seed(world, secret).key({
    name: 'limited',
    permissions: ['*'],
    requestsPerMinute: 20,
  })
  expect((await world.gql(key.secret, lists(1))).status).toBe(200)
  const isDone = Promise.withResolvers<void>()
  statements.answering = () => isDone.promise
  onTestFinished(() => {
    statements.answering = () => undefined
  })
  const asked = Array.from({ length: 20 }, () => world.gql(key.secret, lists(1)))
  expect((await Promise.race(asked)).status).toBe(429)
  isDone.resolve()
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(19)
})

test('a workspace with many keys does not keep another one waiting', async () => {
  const [busy, quiet] = [await world.createWorkspace(), await world.createWorkspace()]
  const make = seed(world, busy.secret)
  const secrets: string[] = []
  for (let count = 0; count < 15; count += 1)
    secrets.push((await make.key({ name: `${count}`, permissions: ['*'] })).secret)
  for (const secret of [...secrets, quiet.secret]) await world.gql(secret, lists(1))
  let answered = 0
  const asked = secrets.flatMap((secret) =>
    Array.from({ length: 4 }, async () => {
      const { status } = await world.gql(secret, lists(8))
      answered += 1
      return status
    }),
  )
  await immediate()
  expect((await world.gql(quiet.secret, lists(1))).status).toBe(200)
  expect(answered).toBeLessThan(25)
  expect(new Set(await Promise.all(asked))).toEqual(new Set([200]))
})

test('who has left makes room for others in the line', async () => {
  const { secret } = await world.createWorkspace()
  const arrived = vi.fn(world.app.fetch)
  const { url } = await serve((request, peer) => arrived(request, peer))
  const ask = (signal: AbortSignal | null = null) =>
    fetch(`${url}/graphql?query=${encodeURIComponent(lists(1))}`, {
      headers: { 'x-api-key': secret },
      signal,
    })
  expect((await ask()).status).toBe(200)
  const isDone = Promise.withResolvers<void>()
  statements.answering = () => isDone.promise
  onTestFinished(() => {
    statements.answering = () => undefined
  })
  const leaving = new AbortController()
  const left = Promise.allSettled(Array.from({ length: 204 }, () => ask(leaving.signal)))
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledTimes(205), 20_000)
  leaving.abort()
  await left
  const requests = arrived.mock.calls.slice(1).map(([request]) => request)
  await vi.waitFor(() => expect(requests.every(({ signal }) => signal.aborted)).toBe(true), 20_000)
  const asked = ask()
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledTimes(206), 20_000)
  for (let turn = 0; turn < 100; turn += 1) await immediate()
  isDone.resolve()
  expect((await asked).status).toBe(200)
})

test('a turn is passed on, also by work that fails, and nobody has one who was not admitted', async () => {
  const turns = new CallerQueue({ atOnce: 2 })
  const { signal } = new AbortController()
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
  const admit = async (index: number): Promise<void> => {
    await immediate()
    if (index % 5 === 0) throw new Error('not admitted')
  }
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      turns.run('caller', { signal, admit: () => admit(index), work: () => work(index) }),
    ),
  )
  expect(most).toBe(2)
  expect(results.map(({ status }) => status)).toEqual(
    results.map((_, index) => (index % 3 === 0 || index % 5 === 0 ? 'rejected' : 'fulfilled')),
  )
  expect(await turns.run('other', { signal, work: async () => 1 })).toBe(1)
})
