import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { readTemplate } from '../../src/db/template.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import { attempt, verdict } from '../modules/api-key/ask.ts'
import { askOver } from '../modules/api-key/second-app.ts'
import { unwatched } from '../setup/database.ts'
import { depsOver } from '../setup/deps.ts'
import { createPostgres } from '../setup/postgres.ts'

async function serverOver(database: Database) {
  const deps = await depsOver(database, pino({ level: 'silent' }))
  const { secret } = await createFirstWorkspace(deps, {
    name: 'Outage',
    slug: `w-${randomBytes(6).toString('hex')}`,
    plan: 'ENTERPRISE',
    owner: { name: 'Olga Owner', email: 'olga@example.com' },
  })
  return { deps, secret, front: askOver(deps) }
}

const readsDatabase = '{ workspace { name } }'
type Front = ReturnType<typeof askOver>

/** What everybody is told while nothing can be known, whoever they are. */
async function expectUnavailable(front: Front, secret: string): Promise<void> {
  for (const each of [secret, createApiKeySecret('lk')]) {
    const { status, headers, data, errors } = await front.gql(each, readsDatabase)
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE'])
    expect({ status, retryAfter: headers.get('retry-after') }).toEqual({
      status: 503,
      retryAfter: '1',
    })
    expect(data?.workspace ?? null).toBeNull()
    expect(JSON.stringify(errors)).not.toMatch(/prisma|postgres|pglite|connect|select/i)
  }
  const change = await attempt(front, secret, 'createScope', { name: 'during' })
  expect(change).toMatchObject({ payload: null, codes: ['SERVICE_UNAVAILABLE'] })
  // What is wrong with a credential by itself is told all the same.
  expect(await verdict(front, 'nonsense')).toBe('401 MALFORMED')
}

// A client that is told 401 throws its key away; one that is let in was never checked.
if (inject('postgres'))
  test('while PostgreSQL is away the answer is 503, and all is well once it is back', async () => {
    const { url, drop } = await createPostgres('migrated')
    const database = await openDatabase({ databaseUrl: url, ...unwatched })
    const { deps, secret, front } = await serverOver(database)
    const admin = new pg.Client({ connectionString: inject('postgres')?.url })
    await admin.connect()
    const name = new URL(url).pathname.slice(1)
    const cut = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1'
    try {
      for (let outage = 0; outage < 2; outage += 1) {
        expect(await verdict(front, secret)).toBe('ACCEPTED')
        await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
        await admin.query(cut, [name])
        await expectUnavailable(front, secret)
        await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        const back = performance.now()
        await client.end()
        while ((await verdict(front, secret)) !== 'ACCEPTED') await sleep(20)
        expect(performance.now() - back).toBeLessThan(2_000)
        expect(await verdict(front, createApiKeySecret('lk'))).toBe('401 UNKNOWN')
      }
      expect(await deps.prisma.scope.count()).toBe(0)
      const { codes } = await attempt(front, secret, 'createScope', { name: 'after' })
      expect(codes).toEqual([])
    } finally {
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
      await deps.usage.close()
      await database.close()
      await admin.end()
      await drop()
    }
  })

// The same where the database is in the process, also for a caller who was known before.
test('when the embedded database is closed the answer is 503', async () => {
  const database = await openDatabase({ template: await readTemplate() })
  const { deps, secret, front } = await serverOver(database)
  expect((await front.gql(secret, readsDatabase)).data.workspace.name).toBe('Outage')
  await deps.usage.close()
  await database.close()
  await expectUnavailable(front, secret)
})
