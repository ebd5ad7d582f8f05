import { expect, onTestFinished, test } from 'vitest'
import { readCommand } from '../../src/commands.ts'
import { metricsOf } from '../setup/metrics.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'

async function open(): Promise<World> {
  const world = await createWorld()
  onTestFinished(() => world.close())
  return world
}

const ask = (world: World, path: string): Promise<Response> =>
  world.app.fetch(new Request(`http://latchkey.test${path}`))

test('/metrics is text that Prometheus reads, at that path alone', async () => {
  const world = await open()
  const response = await ask(world, '/metrics')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(await response.text()).toContain('# TYPE latchkey_requests_refused_total counter')
  for (const path of ['/Metrics', '/metrics.txt', '/x/metrics', '//metrics'])
    expect((await ask(world, path)).status).toBe(404)
  expect((await ask(world, '/metrics?a=b')).status).toBe(200)
})

// Anybody who reaches the port can read them.
test('refused requests are counted by whose limit it was, and nobody is named', async () => {
  const world = await open()
  const workspace = await world.createWorkspace()
  const { key } = seed(world, workspace.secret)
  const blocked = await key({ name: 'Blocked', requestsPerMinute: 0 })
  const [one, other] = [await key({ name: 'One' }), await key({ name: 'Other' })]
  const plan = ['workspace', 'plan', workspace.slug, 'enterprise', '--requests-per-minute', '2']
  await readCommand(plan)(world.deps)
  const statuses: number[] = []
  for (const { secret } of [blocked, one, other, one, blocked])
    statuses.push((await world.gql(secret, '{ viewer { kind } }')).status)
  expect(statuses).toEqual([429, 200, 200, 429, 429])

  const metrics = await metricsOf(world.app)
  // The last is refused by both, and counted once.
  expect(metrics.get('latchkey_requests_refused_total{subject="key"}')).toBe(2)
  expect(metrics.get('latchkey_requests_refused_total{subject="workspace"}')).toBe(1)
  const text = await (await ask(world, '/metrics')).text()
  for (const name of [blocked.id, one.id, one.secret, workspace.id, workspace.slug])
    expect(text).not.toContain(name)
})

test('without a Redis there is nothing about one', async () => {
  const world = await open()
  const names = [...(await metricsOf(world.app)).keys()]
  expect(names.filter((name) => /redis|in_process/.test(name))).toEqual([])
})
