import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { readTemplate } from '../../src/db/template.ts'
import { createPostgres } from './postgres.ts'

/** Of this process, closed and empty again: to make another takes a second of a processor. */
const idle: Database[] = []

/** What is stored apart from the migrations, as the names of tables, indexes and sequences. */
const relationsOf = async ({ prisma }: Database): Promise<string> => {
  const rows = await prisma.$queryRaw<{ name: string }[]>`
    SELECT relname::text AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace ORDER BY relname`
  return rows.map(({ name }) => name).join()
}

async function empty({ prisma }: Database): Promise<void> {
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT quote_ident(tablename) AS name FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`
  const names = tables.map(({ name }) => name).join()
  await prisma.$executeRawUnsafe(`TRUNCATE ${names} RESTART IDENTITY`)
}

async function openPglite(isNew: boolean): Promise<Database> {
  const kept = isNew ? undefined : idle.pop()
  const database = kept ?? (await openDatabase({ template: await readTemplate() }))
  const relations = await relationsOf(database)
  const close = async (): Promise<void> => {
    // A test that changed more than rows keeps what it has made to itself.
    if (isNew || (await relationsOf(database)) !== relations) return database.close()
    await empty(database)
    idle.push(database)
  }
  return { ...database, close }
}

/** For a database whose connections the test itself cuts. */
export const unwatched = {
  onConnectionError: () => undefined,
  hearing: { lost: () => undefined, regained: () => undefined, notEnded: () => undefined },
}

/**
 * A migrated and empty database that nobody else uses: PGlite in memory, or one of the server in
 * TEST_DATABASE_URL, where closing it drops it. `isNew`: opened now, and ended
 * when it is closed; any other is emptied, and answers still.
 */
export async function openTestDatabase({ isNew = false } = {}): Promise<Database> {
  if (!inject('postgres')) return openPglite(isNew)
  const { url, drop } = await createPostgres('migrated')
  let isClosing = false
  const onConnectionError = (error: Error): void => {
    // A connection that is being ended may be one that dropping the database cuts.
    if (!isClosing) throw error
  }
  const database = await openDatabase({
    databaseUrl: url,
    onConnectionError,
    hearing: { ...unwatched.hearing, lost: onConnectionError },
  })
  const close = async (): Promise<void> => {
    isClosing = true
    await database.close()
    await drop()
  }
  return { ...database, close }
}
