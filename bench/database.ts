import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

/** A database of its own for Latchkey; disposing of it drops it. */
export interface Database extends AsyncDisposable {
  /** What it is called in results. */
  readonly engine: string
  /** The settings with which a server uses it. */
  readonly env: Readonly<Record<string, string>>
}

/** A new database on a PostgreSQL server; disposing of it drops it. */
export interface ServerDatabase extends AsyncDisposable {
  readonly url: string
}

async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export async function createDatabase(serverUrl: string, owner: string): Promise<ServerDatabase> {
  const name = `${owner}_bench_${process.pid}`
  const run = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: serverUrl })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  await run(`CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => run(`DROP DATABASE ${name} WITH (FORCE)`),
  }
}

/** The embedded one, in a folder of its own. */
export async function embeddedDatabase(): Promise<Database> {
  const folder = await temporaryFolder()
  return {
    engine: 'PGlite',
    env: { DATA_DIR: folder.path },
    [Symbol.asyncDispose]: folder.remove,
  }
}

/** A new one on the PostgreSQL server of that URL. */
export async function postgresDatabase(serverUrl: string): Promise<Database> {
  const folder = await temporaryFolder()
  const database = await createDatabase(serverUrl, 'latchkey')
  return {
    engine: 'PostgreSQL',
    env: {
      DATA_DIR: folder.path,
      DATABASE_URL: database.url,
      SECRETS_KEY: 'it guards nothing: the database is dropped',
      PUBLIC_URL: 'http://localhost',
    },
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]()
      await folder.remove()
    },
  }
}

/** The PostgreSQL server to measure on, if there is one. */
export const serverUrl = (): string | undefined => process.env.BENCH_DATABASE_URL || undefined

/** Does the work with a new database of each engine that there is, one after another. */
export async function onEachEngine(work: (database: Database) => Promise<void>): Promise<void> {
  const url = serverUrl()
  if (url !== undefined) {
    await using database = await postgresDatabase(url)
    await work(database)
  }
  await using database = await embeddedDatabase()
  await work(database)
}
