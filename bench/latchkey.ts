import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createApiKeySecret } from '../src/auth/credentials/format.ts'
import { type Subject, startSubject } from './subject.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A database for one server, and what goes with it. */
export interface Database {
  readonly env: Readonly<Record<string, string>>
  drop(): Promise<void>
}

/** The embedded one, in a folder of its own. */
export async function embeddedDatabase(): Promise<Database> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  return {
    env: { DATA_DIR: dataDir },
    drop: () => rm(dataDir, { recursive: true, force: true }),
  }
}

/** A new one on the PostgreSQL server of that URL. */
export async function postgresDatabase(serverUrl: string): Promise<Database> {
  const name = `latchkey_bench_${process.pid}`
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
    env: {
      DATABASE_URL: url.href,
      SECRETS_KEY: 'it guards nothing: the database is dropped',
      PUBLIC_URL: 'http://localhost',
    },
    drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`),
  }
}

const query = '{ viewer { user { name } } }'

/** `node src/server.ts`, asked who the caller is with an API key. */
export function startLatchkey(name: string, { env }: Database): Promise<Subject> {
  const key = createApiKeySecret('lk')
  return startSubject({
    name,
    script: 'src/server.ts',
    cwd: root,
    env: { HOST: '127.0.0.1', LATCHKEY_BOOTSTRAP_KEY: key, LOG_LEVEL: 'warn', ...env },
    headers: { authorization: `Bearer ${key}` },
    query,
  })
}

const createAccessToken =
  'mutation { createAccessToken(input: { expiresInSeconds: 3600 }) { token } }'

/** The same server and query, asked with an access token of the subject's key. */
export async function byToken(subject: Subject, name: string): Promise<Subject> {
  const response = await fetch(subject.url, {
    method: 'POST',
    headers: { ...subject.headers },
    body: JSON.stringify({ query: createAccessToken }),
  })
  const { data } = (await response.json()) as { data: { createAccessToken: { token: string } } }
  const { token } = data.createAccessToken
  return { ...subject, name, headers: { ...subject.headers, authorization: `Bearer ${token}` } }
}
