import type { SqlSession } from '../../src/db/migrate.ts'

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The shape and content of `_prisma_migrations`, less what differs from run to run. */
export async function migrationRecords(session: SqlSession): Promise<unknown> {
  const columns = await session.query(
    `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
     FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
  )
  const constraints = await session.query(
    `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conrelid = '_prisma_migrations'::regclass ORDER BY conname`,
  )
  const rows = await session.query(
    `SELECT id, checksum, migration_name, logs, rolled_back_at, applied_steps_count,
       started_at BETWEEN now() - interval '1 hour' AND finished_at AS started,
       finished_at BETWEEN started_at AND now() AS finished
     FROM _prisma_migrations ORDER BY migration_name`,
  )
  return {
    columns,
    constraints,
    rows: rows.map((row) => ({ ...row, id: isUuid.test(String(row.id)) })),
  }
}
