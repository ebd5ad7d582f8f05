import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { ConfigError } from '../errors.ts'
import { connectionTo, namedSchema } from './connection.ts'
import { MigrationError, migrate } from './migrate.ts'
import { readMigrations } from './migrations.ts'
import { statementName } from './prepared.ts'
import { assertPrivileges, useSchema } from './schema.ts'
import { sessionSetup } from './session-setup.ts'
import type { SilenceWatch } from './silence.ts'
import { cut, type Session, WatchedPool } from './watched-pool.ts'

/** The key of the advisory lock under which Prisma's own engine migrates. */
const migrationLock = 72_707_369
const oldestVersion = 15

/** How long to wait for another server that is migrating the same database. */
const lockTimeout = '60s'
const lockNotAvailable = '55P03'
const connectTimeoutMs = 5_000
/** The server gives up a statement first, which leaves the connection usable. */
const statementTimeoutMs = 10_000
export const queryTimeoutMs = 11_000
const idleTimeoutMs = 30_000
const maxConnections = 10

/** @throws ConfigError when there is no connection, or no file of those that the URL names */
async function connect(databaseUrl: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({
      ...connectionTo(databaseUrl),
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      application_name: 'latchkey migrate',
    })
    // The statement that is running, or the next one, fails with it; unheard it would end the process.
    client.on('error', () => undefined)
    await client.connect()
    return client
  } catch (cause) {
    const { message, code } = cause as NodeJS.ErrnoException
    // Where a host has several addresses, only the code tells what happened.
    throw new ConfigError(`DATABASE_URL leads to no database: ${message || code}`)
  }
}

/**
 * Migrates the database, one server at a time.
 *
 * @returns the schema that the tables are in, and the names of the migrations applied now
 * @throws MigrationError as `migrate`, or when the server is too old, a privilege is missing, or the
 *   lock is not free within a minute; ConfigError when there is no connection
 */
export async function migratePostgres(
  databaseUrl: string,
): Promise<{ readonly schema: string; readonly applied: readonly string[] }> {
  const client = await connect(databaseUrl)
  try {
    const session = {
      query: async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows,
      run: async (script: string) => void (await client.query(script)),
    }
    const [version] = await session.query(`SELECT current_setting('server_version_num')::int AS n`)
    if (version.n < oldestVersion * 10_000)
      throw new MigrationError(
        `the database server is PostgreSQL ${Math.floor(version.n / 10_000)}; expected ${oldestVersion} or newer`,
      )
    await session.run(`SET lock_timeout = '${lockTimeout}'`)
    await session.query('SELECT pg_advisory_lock($1)', [migrationLock]).catch((cause: unknown) => {
      if (!(cause instanceof pg.DatabaseError && cause.code === lockNotAvailable)) throw cause
      throw new MigrationError(
        `another process has been migrating the database for more than ${lockTimeout}`,
        { cause },
      )
    })
    const schema = await useSchema(session, namedSchema(databaseUrl))
    const applied = await migrate(session, readMigrations())
    await assertPrivileges(session, schema)
    return { schema, applied }
  } finally {
    await client.end()
  }
}

/** Whether nothing is under way in it, no transaction either. */
const isIdle = (session: Session): boolean =>
  session.readyForQuery === true && session.getTransactionStatus() === 'I'

/**
 * Sets a new connection up; resolves with whether the process behind it is the one that answered it
 * at first. A pooler answers by itself, and may give each transaction another session.
 */
async function setUp(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ processId: number }>(sessionSetup)
  return rows[0]?.processId === session.processID
}

/**
 * The pool over which Prisma reaches PostgreSQL. Nothing waits for ever: neither for a connection
 * nor for an answer, and not for long where the watch finds that the server hangs. A connection that dies while idle is told to `onConnectionError` and replaced.
 * Statements marked as `prepared` are kept by their connection, unless there is a pooler in between.
 */
export const postgresAdapter = (
  connection: pg.ClientConfig,
  schema: string,
  onConnectionError: (error: Error) => void,
  watch: SilenceWatch,
): { readonly adapter: PrismaPg; readonly pool: pg.Pool } => {
  const connections = { direct: 0, pooled: 0 }
  const keepsStatements = (): boolean => connections.direct > 0 && connections.pooled === 0
  const config: pg.PoolConfig = {
    ...connection,
    application_name: 'latchkey',
    max: maxConnections,
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: queryTimeoutMs,
    onConnect: async (client) => {
      connections[(await setUp(client)) ? 'direct' : 'pooled'] += 1
    },
  }
  const pool = new WatchedPool(config, watch)
  // Prisma gives one back also when its ROLLBACK had no answer in time: whoever got it next would ask
  // inside that transaction, and might commit it.
  pool.on('release', (_, client) => {
    if (!isIdle(client)) cut(client)
  })
  const adapter = new PrismaPg(pool, {
    schema,
    onPoolError: onConnectionError,
    onConnectionError,
    disposeExternalPool: true,
    statementNameGenerator: ({ sql }) => (keepsStatements() ? statementName(sql) : ''),
  })
  return { adapter, pool }
}
