import { randomUUID } from 'node:crypto'
import { checksum, hasChecksum, type Migration } from './migrations.ts'

/** One connection to a database, which nobody else uses meanwhile. */
export interface SqlSession {
  query(sql: string, values?: unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Runs a script of any number of statements. */
  run(script: string): Promise<void>
}

/** The database cannot be brought to this version; the message is one line for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** Word for word Prisma's, so that either can follow the other. */
const table = `CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
);`

const record = `INSERT INTO _prisma_migrations
  (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
  VALUES ($1, $2, $3, $4, $5, 1)`

const list = `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
  FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`

/** The names of those applied, after refusing whatever this version must not build upon. */
async function applied(
  session: SqlSession,
  migrations: readonly Migration[],
): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (const row of await session.query(list)) {
    const name = String(row.name)
    const known = migrations.find((migration) => migration.name === name)
    if (row.finished !== true)
      throw new MigrationError(
        `migration ${name} failed earlier; repair the database, then mark it with "prisma migrate resolve"`,
      )
    if (!known)
      throw new MigrationError(
        `the database is newer than this version: it has migration ${name}, which is unknown here`,
      )
    if (!hasChecksum(known, String(row.checksum)))
      throw new MigrationError(`migration ${name} is not the one that was applied to the database`)
    names.add(name)
  }
  return names
}

async function apply(session: SqlSession, migration: Migration): Promise<void> {
  const startedAt = new Date().toISOString()
  try {
    await session.run('BEGIN')
    await session.run(migration.sql)
    const finishedAt = new Date().toISOString()
    const sum = checksum(migration)
    await session.query(record, [randomUUID(), sum, migration.name, startedAt, finishedAt])
    await session.run('COMMIT')
  } catch (cause) {
    // When the connection is lost, PostgreSQL rolls back by itself.
    await session.run('ROLLBACK').catch(() => undefined)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MigrationError(`migration ${migration.name} failed and was undone: ${reason}`, {
      cause,
    })
  }
}

/**
 * Applies the migrations that the database has not had, and records them as `prisma migrate deploy`
 * does. Each takes effect together with its record or not at all. The caller makes sure that no
 * other process migrates the same database meanwhile.
 *
 * @returns the names of those applied now.
 * @throws MigrationError when the database has a failed, an unknown or a changed migration, or one
 *   of these fails.
 */
export async function migrate(
  session: SqlSession,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  const [found] = await session.query(
    `SELECT to_regclass(format('%I._prisma_migrations', current_schema())) IS NOT NULL AS found`,
  )
  if (found?.found !== true) await session.run(table)
  const done = await applied(session, migrations)
  const missing = migrations.filter(({ name }) => !done.has(name))
  for (const migration of missing) await apply(session, migration)
  return missing.map(({ name }) => name)
}
