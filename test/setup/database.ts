import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { readTemplate } from '../../src/db/template.ts'
import { createPostgres } from './postgres.ts'

/**
 * A migrated and empty database that nobody else uses: PGlite in memory, or one of the server in
 * TEST_DATABASE_URL, where closing it drops it.
 */
export async function openTestDatabase(): Promise<Database> {
  if (!inject('postgres')) return openDatabase({ template: await readTemplate() })
  const { url, drop } = await createPostgres('migrated')
  let isClosing = false
  const onConnectionError = (error: Error): void => {
    // A connection that is being ended may be one that dropping the database cuts.
    if (!isClosing) throw error
  }
  const database = await openDatabase({ databaseUrl: url, onConnectionError })
  const close = async (): Promise<void> => {
    isClosing = true
    await database.close()
    await drop()
  }
  return { ...database, close }
}
