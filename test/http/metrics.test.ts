import { expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { readCommand } from '../../src/commands/commands.ts'
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

const token = 'a-token-for-Prometheus'

test.each<[string | undefined, number]>([
  [`Bearer ${token}`, 200],
  [`bearer ${token}`, 200],
  [undefined, 401],
  [`Bearer ${token.slice(1)}`, 401],
  [`Bearer ${token} `.repeat(2), 401],
  [token, 401],
  [`Basic ${token}`, 401],
])('with METRICS_TOKEN, of %j', async (authorization, status) => {
  const world = await open()
  const options = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  const app = createApp(world.deps, { ...options, metricsToken: token })
  const headers = authorization === undefined ? {} : { authorization }
  const response = await app.fetch(new Request('http://latchkey.test/metrics', { headers }))
  expect(response.status).toBe(status)
  expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
  const text = await response.text()
  expect(text.includes('latchkey_')).toBe(status === 200)
  expect(text).not.toContain(token)
})

test('requests are counted by path, kind, status and verdict, and nothing of a client is a label', async () => {
  const world = await open()
  const { secret } = await world.createWorkspace()
  await world.gql(secret, 'query Mine { viewer { kind } }')
  await world.gql(secret, 'query Other { viewer { kind } }')
  await world.gql(secret, 'mutation { __typename }')
  await world.gql(null, '{ viewer { kind } }')
  for (const path of ['/a', '/b?c', '/documents/d', '/verify']) await ask(world, path)
  const metrics = await metricsOf(world.app)
  const counted = [...metrics].filter(([name]) => name.startsWith('latchkey_requests_total'))
  const labels = (route: string, operation: string, status: number) =>
    `latchkey_requests_total{route="${route}",operation="${operation}",status="${status}",verdict=""}`
  expect(Object.fromEntries(counted)).toEqual({
    [labels('/graphql', 'query', 200)]: 2,
    [labels('/graphql', 'mutation', 200)]: 1,
    [labels('/graphql', '', 401)]: 1,
    [labels('other', '', 404)]: 2,
    [labels('/documents/', '', 401)]: 1,
    [labels('/verify', '', 400)]: 1,
  })
  const duration = 'latchkey_request_duration_seconds_count{route="/graphql",operation="query"}'
  expect(metrics.get(duration)).toBe(2)
})

test('credentials that are looked for in memory, and epochs, are counted', async () => {
  const world = await open()
  const { secret } = await world.createWorkspace()
  const before = await metricsOf(world.app)
  for (let asked = 0; asked < 3; asked += 1) await world.gql(secret, '{ viewer { kind } }')
  await seed(world, secret).space({ name: 'Space' })
  const after = await metricsOf(world.app)
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  expect(grown('latchkey_credential_cache_lookups_total{result="miss"}')).toBe(1)
  expect(grown('latchkey_credential_cache_lookups_total{result="hit"}')).toBe(3)
  expect(grown('latchkey_epochs_raised_total')).toBeGreaterThan(0)
})

test('without a Redis there is nothing about one', async () => {
  const world = await open()
  const names = [...(await metricsOf(world.app)).keys()]
  expect(names.filter((name) => /redis|in_process/.test(name))).toEqual([])
})
