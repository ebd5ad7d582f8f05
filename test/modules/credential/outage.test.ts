import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { createApp } from '../../../src/app.ts'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { type Database, openDatabase } from '../../../src/db/client.ts'
import { readTemplate } from '../../../src/db/template.ts'
import { newId } from '../../../src/ids.ts'
import { createFirstWorkspace } from '../../../src/modules/workspace/bootstrap.ts'
import { unwatched } from '../../setup/database.ts'
import { depsOver } from '../../setup/deps.ts'
import { jumpingClock } from '../../setup/monotonic-clock.ts'
import { createPostgres } from '../../setup/postgres.ts'
import { gqlOver } from '../../setup/world.ts'
import { gate, knock } from './ask.ts'

async function serverOver(database: Database) {
  const deps = await depsOver(database, pino({ level: 'silent' }))
  const { secret } = await createFirstWorkspace(deps, {
    name: 'Outage',
    slug: `w-${randomBytes(6).toString('hex')}`,
    plan: 'ENTERPRISE',
    owner: { name: 'Olga Owner', email: 'olga@example.com' },
  })
  const app = createApp(deps, { graphiql: false, introspection: 'public', trustedProxies: [] })
  return { deps, secret, app, gql: gqlOver(app) }
}
type Server = Awaited<ReturnType<typeof serverOver>>

/** Of a credential of which nothing can be known: no verdict of any kind. */
async function expectNoVerdict(
  server: Server,
  question: Parameters<typeof gate>[2],
): Promise<void> {
  const { status, headers, body } = await gate(server, server.secret, question)
  expect({ status, retryAfter: headers['retry-after'] }).toEqual({ status: 503, retryAfter: '1' })
  expect(Object.keys(headers).filter((name) => name.startsWith('latchkey'))).toEqual([])
  const { data, errors } = await server.gql(
    server.secret,
    'mutation ($input: VerifyApiKeyInput!) { verifyApiKey(input: $input) { valid code } }',
    { input: question },
  )
  expect(data?.verifyApiKey ?? null).toBeNull()
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE'])
  const told = `${body} ${JSON.stringify(errors)}`
  expect(told).not.toMatch(/prisma|postgres|pglite|connect|select/i)
  expect(told).not.toContain(question.secret)
}

// A client that is told 401 throws its key away; one that is let in was never checked.
if (inject('postgres'))
  test('while PostgreSQL is away no verdict is given, and then it is right again', async () => {
    const { url, drop } = await createPostgres('migrated')
    const database = await openDatabase({ databaseUrl: url, ...unwatched })
    const server = await serverOver(database)
    const own = { secret: server.secret, permissions: ['scopes:read'] }
    const admin = new pg.Client({ connectionString: inject('postgres')?.url })
    await admin.connect()
    const name = new URL(url).pathname.slice(1)
    const cut = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1'
    try {
      const clock = jumpingClock()
      expect((await gate(server, server.secret, own)).status).toBe(204)
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
      await admin.query(cut, [name])
      const sessions = async (): Promise<number> =>
        (await admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name])).rows.length
      await expect.poll(sessions, { timeout: 10_000 }).toBe(0)
      // What is remembered may be told for so long, and not longer.
      clock.forward(900)
      expect(server.deps.replica.holdsLease).toBe(false)
      await expectNoVerdict(server, own)
      await expectNoVerdict(server, { secret: createApiKeySecret('lk') })
      // Not even on there being none: who asks cannot be known either.
      const bare = await knock(server, { 'latchkey-verifier': server.secret })
      expect(bare.status).toBe(503)
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
      while ((await gate(server, server.secret, own)).status !== 204) await sleep(20)
      const unknown = await gate(server, server.secret, { secret: createApiKeySecret('lk') })
      expect(unknown).toMatchObject({ status: 401, headers: { 'latchkey-verdict': 'NOT_FOUND' } })
    } finally {
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
      await server.deps.usage.close()
      await database.close()
      await admin.end()
      await drop()
    }
  })

// The verifier itself may be remembered there; what it asks about has to be read.
test('when the embedded database is closed nothing is said of what is not known', async () => {
  const database = await openDatabase({ template: await readTemplate() })
  const server = await serverOver(database)
  expect((await gate(server, server.secret, { secret: server.secret })).status).toBe(204)
  await server.deps.usage.close()
  await database.close()
  await expectNoVerdict(server, { secret: createApiKeySecret('lk') })
  await expectNoVerdict(server, { secret: server.secret, spaceIds: [newId('spc')] })
  const malformed = await gate(server, server.secret, { secret: 'nonsense' })
  expect(malformed.headers['latchkey-verdict']).toBe('MALFORMED')
})
