import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import pg from 'pg'

const optionsOver = (database: pg.Pool) => ({
  database,
  baseURL: 'http://localhost',
  secret: 'it guards nothing: the database is dropped',
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  // Keys have no limit, as those of Latchkey's first workspace have none.
  plugins: [apiKey({ rateLimit: { enabled: false } })],
})

/** better-auth with its API key plugin as it comes: everything is kept in that database. */
export const createAuth = (database: pg.Pool) => betterAuth(optionsOver(database))

/** Makes the tables in that database, a user, and keys of theirs; returns the keys. */
export async function createKeys(databaseUrl: string, count: number): Promise<string[]> {
  const database = new pg.Pool({ connectionString: databaseUrl })
  try {
    const { runMigrations } = await getMigrations(optionsOver(database))
    await runMigrations()
    const { api } = createAuth(database)
    const { user } = await api.signUpEmail({
      body: { name: 'Ada', email: 'ada@example.com', password: 'correct horse' },
    })
    const keys: string[] = []
    for (let made = 0; made < count; made++)
      keys.push((await api.createApiKey({ body: { userId: user.id } })).key)
    return keys
  } finally {
    await database.end()
  }
}
