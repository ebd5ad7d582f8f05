import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { migrate, type SqlSession } from '../../src/db/migrate.ts'
import { type Migration, readMigrations } from '../../src/db/migrations.ts'
import { migratePostgres } from '../../src/db/postgres.ts'
import { expectOldChain, isSince64Bit, writeOldChain } from '../modules/audit/old-chain.ts'
import { migrationRecords } from '../setup/migration-records.ts'
import { createPostgres, type PostgresDatabase } from '../setup/postgres.ts'
import { schemaEngine } from '../setup/schema-engine.ts'

const migrations = readMigrations()
const names = migrations.map(({ name }) => name)
const later: Migration = { name: '20990101000000_later', sql: 'CREATE TABLE later (id int);' }

let databases: PostgresDatabase[]

beforeEach(() => {
  databases = []
})

afterEach(async () => {
  for (const { drop } of databases) await drop()
})

async function emptyDatabase(): Promise<string> {
  const database = await createPostgres('empty')
  databases.push(database)
  return database.url
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return use(client).finally(() => client.end())
}

const sessionOf = (client: pg.Client): SqlSession => ({
  query: async (sql, values = []) => (await client.query(sql, values)).rows,
  run: async (script) => void (await client.query(script)),
})

const records = (url: string): Promise<unknown> =>
  withClient(url, (client) => migrationRecords(sessionOf(client)))

/** What `prisma migrate deploy` does. Its connection ends with it, and the advisory lock with that. */
async function deploy(url: string, list: readonly Migration[]): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: url, max: 1, options: '-c TimeZone=UTC' })
  const engine = await schemaEngine(new PrismaPg(pool))
  return engine.deploy(list).finally(() => pool.end())
}

test('Prisma finds nothing to apply after us, and we find nothing after Prisma', async () => {
  const mine = await emptyDatabase()
  expect((await migratePostgres(mine)).applied).toEqual(names)
  expect(await deploy(mine, migrations)).toEqual([])

  const theirs = await emptyDatabase()
  expect(await deploy(theirs, migrations)).toEqual(names)
  expect((await migratePostgres(theirs)).applied).toEqual([])
  expect(await records(theirs)).toEqual(await records(mine))
})

test('of several that start at once one migrates and all go on', async () => {
  const url = await emptyDatabase()
  const starts = await Promise.all(Array.from({ length: 5 }, () => migratePostgres(url)))
  expect(starts.flatMap(({ applied }) => applied)).toEqual(names)
})

test("waits while another holds the lock of Prisma's own engine, and then lets it go", async () => {
  const url = await emptyDatabase()
  await withClient(url, async (other) => {
    await other.query('SELECT pg_advisory_lock(72707369)')
    let done = false
    const start = migratePostgres(url).finally(() => {
      done = true
    })
    const waiting = `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted`
    while ((await other.query(waiting)).rows[0].n === 0) expect(done).toBe(false)
    await other.query('SELECT pg_advisory_unlock(72707369)')
    expect((await start).applied).toEqual(names)
    const free = await other.query('SELECT pg_try_advisory_lock(72707369) AS free')
    expect(free.rows).toEqual([{ free: true }])
  })
})

test("refuses after a migration that failed in Prisma's hands", async () => {
  const url = await emptyDatabase()
  await migratePostgres(url)
  const broken = { ...later, sql: 'SELECT no_such_column;' }
  await expect(deploy(url, [...migrations, broken])).rejects.toThrow()
  await expect(migratePostgres(url)).rejects.toThrow(`migration ${later.name} failed earlier`)
})

test('refuses a database that is newer than this version', async () => {
  const url = await emptyDatabase()
  await deploy(url, [...migrations, later])
  await expect(migratePostgres(url)).rejects.toThrow(`it has migration ${later.name}`)
})

test('an audit chain of 32-bit sequences is the same chain afterwards', async () => {
  const url = await emptyDatabase()
  await withClient(url, async (client) => {
    const before = migrations.filter((migration) => !isSince64Bit(migration))
    await migrate(sessionOf(client), before)
    await writeOldChain(sessionOf(client))
  })
  await migratePostgres(url)
  await withClient(url, (client) => expectOldChain(sessionOf(client)))
})
