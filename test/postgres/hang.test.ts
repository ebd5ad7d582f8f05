import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import type { Deps } from '../../src/deps.ts'
import { newId } from '../../src/ids.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import { unwatched } from '../setup/database.ts'
import { depsOver } from '../setup/deps.ts'
import { createPostgres, type PostgresDatabase } from '../setup/postgres.ts'
import { type TcpProxy, tcpProxy } from '../setup/tcp-proxy.ts'

vi.setConfig({ testTimeout: 60_000 })

/** In milliseconds. A client that has waited for so long has given up, or asks again. */
const patience = 5_000

let server: PostgresDatabase
let proxy: TcpProxy
let database: Database
let deps: Deps
let app: App
let secret: string
let client: string
let token: string

beforeEach(async () => {
  server = await createPostgres('migrated')
  proxy = await tcpProxy(server.url)
  database = await openDatabase({ databaseUrl: proxy.url, ...unwatched })
  deps = await depsOver(database, pino({ level: 'silent' }))
  app = createApp(deps, { graphiql: false, introspection: 'public', trustedProxies: [] })
  const made = await createFirstWorkspace(deps, {
    name: 'Hang',
    slug: `w-${randomBytes(6).toString('hex')}`,
    plan: 'ENTERPRISE',
    owner: { name: 'Olga Owner', email: 'olga@example.com' },
  })
  secret = made.secret
  client = `Basic ${btoa(`${made.apiKey.id}:${secret}`)}`
  const exchange = form('/oauth/token', { grant_type: 'client_credentials' })
  const exchanged = await app.fetch(
    new Request(`http://latchkey.test${exchange.path}`, exchange.init),
    {},
  )
  token = (await exchanged.json()).access_token
})
afterEach(async () => {
  await proxy.close()
  await deps.usage.close()
  await database.close()
  await server.drop()
})

const graphql = (query: string, key = secret) => ({
  path: '/graphql',
  init: {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  },
})
const form = (path: string, parameters: Record<string, string>) => ({
  path,
  init: {
    method: 'POST',
    headers: { authorization: client, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters).toString(),
  },
})

/** A request of each kind that needs the database. */
const kinds = (): Readonly<Record<string, { path: string; init: RequestInit }>> => ({
  query: graphql('{ workspace { name } spaces { nodes { id } } }'),
  mutation: graphql(
    `mutation { createScope(input: { name: "${randomBytes(6).toString('hex')}" }) { errors { code } } }`,
  ),
  'unknown key': graphql('{ viewer { kind } }', createApiKeySecret('lk')),
  verifyApiKey: graphql(
    `mutation { verifyApiKey(input: { secret: "${createApiKeySecret('lk')}" }) { code } }`,
  ),
  verify: {
    path: '/verify',
    init: { headers: { 'latchkey-verifier': secret, 'x-api-key': createApiKeySecret('lk') } },
  },
  token: form('/oauth/token', { grant_type: 'client_credentials' }),
  introspection: form('/oauth/introspect', { token }),
  revocation: form('/oauth/revoke', { token }),
  download: {
    path: `/documents/${newId('doc')}`,
    init: { headers: { authorization: `Bearer ${secret}` } },
  },
  ready: { path: '/ready', init: {} },
})

interface Outcome {
  readonly kind: string
  readonly status: number
  readonly retryAfter: string | null
  readonly isInTime: boolean
}

async function send(kind: string): Promise<Outcome> {
  const { path, init } = kinds()[kind] ?? { path: '', init: {} }
  const since = performance.now()
  const response = await app.fetch(new Request(`http://latchkey.test${path}`, init), {})
  await response.text()
  const retryAfter = response.headers.get('retry-after')
  return {
    kind,
    status: response.status,
    retryAfter,
    isInTime: performance.now() - since < patience,
  }
}

const refused = (kind: string): Outcome => ({ kind, status: 503, retryAfter: '1', isInTime: true })

/** Whether it works again, and how soon. */
async function expectBack(): Promise<void> {
  const since = performance.now()
  while ((await send('query')).status !== 200) await sleep(20)
  expect(performance.now() - since).toBeLessThan(2_000)
  for (const kind of Object.keys(kinds()))
    expect([kind, (await send(kind)).status]).not.toEqual([kind, 503])
}

const names = Object.keys(kinds())

test.each([1, 30])(
  'a database that hangs: %d requests of each kind are 503 within 5 s',
  async (many) => {
    for (const kind of names) await send(kind)
    proxy.hang()
    const sent = names.flatMap((kind) => Array.from({ length: many }, () => kind))
    expect(await Promise.all(sent.map(send))).toEqual(sent.map(refused))
    // Who comes later is no worse off, nor who comes after the lease.
    expect(await Promise.all(names.map(send))).toEqual(names.map(refused))
    const before = await scopes()
    proxy.mend()
    await expectBack()
    expect(await scopes()).toBe(before + 1)
  },
)

/** How many scopes are stored, as another client sees them. */
async function scopes(): Promise<number> {
  const other = new pg.Client({ connectionString: server.url })
  await other.connect()
  const { rows } = await other.query('SELECT count(*)::int AS count FROM "Scope"')
  await other.end()
  return rows[0].count
}

test('a database that hangs while there is no connection: requests are 503 within 5 s', async () => {
  proxy.cut()
  proxy.mend()
  proxy.hang()
  const sent = names.flatMap((kind) => Array.from({ length: 20 }, () => kind))
  expect(await Promise.all(sent.map(send))).toEqual(sent.map(refused))
  proxy.mend()
  await expectBack()
})

// What takes long is no hang where the server still answers.
test('a mutation that waits for a lock, and a long statement, go on', async () => {
  const other = new pg.Client({ connectionString: server.url })
  await other.connect()
  await other.query('BEGIN')
  await other.query('SELECT 1 FROM "Workspace" FOR UPDATE')
  const waiting = send('mutation')
  await database.prisma.$queryRaw`SELECT pg_sleep(6)::text`
  await other.query('COMMIT')
  await other.end()
  expect((await waiting).status).toBe(200)
  expect(await scopes()).toBe(1)
})
