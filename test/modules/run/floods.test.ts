import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { endpointWords, type Flood } from '../../setup/chat-endpoint.ts'
import { done } from '../../setup/seed.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

const ask = () =>
  done(it.world, it.workspace.secret, 'runAgent', 'run { status output error }', {
    agentId: it.agentInA,
    input: 'Hello',
  })

const mebibyte = 2 ** 20
const floods: [Flood, string, number][] = [
  ['an endless error', 'The agent endpoint refused the request (HTTP 400).', 16],
  ['an endless line', 'The answer is too long.', 32],
  ['endless lines', 'The answer is too long.', 32],
  ['endless events', 'The answer is too long.', 160],
]

// Whoever runs the endpoint, or stands in its place, may want the server to fall.
test.each(floods)('of %s no more is taken than a server can hold', async (kind, error, most) => {
  it.endpoint.fault = kind
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 10)
  const { run } = await ask().finally(() => clearInterval(watch))
  expect(run).toEqual({ status: 'FAILED', output: null, error })
  await vi.waitFor(() => expect(it.endpoint.waiting()).toBe(0))
  expect(it.endpoint.taken()).toBeLessThan(most * mebibyte)
  expect(peak - before).toBeLessThan(256 * mebibyte)
  expect(it.world.logs.join()).not.toContain(endpointWords)
})
