import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createApiKeySecret } from '../src/auth/credentials/format.ts'
import { graphqlBody, isData, type Subject, startSubject } from './subject.ts'

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

/** A new database on the PostgreSQL server of that URL. */
export async function createDatabase(
  serverUrl: string,
  owner: string,
): Promise<{ readonly url: string; drop(): Promise<void> }> {
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
  return { url: url.href, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) }
}

/** A new one on the PostgreSQL server of that URL. */
export async function postgresDatabase(serverUrl: string): Promise<Database> {
  const { url, drop } = await createDatabase(serverUrl, 'latchkey')
  return {
    env: {
      DATABASE_URL: url,
      SECRETS_KEY: 'it guards nothing: the database is dropped',
      PUBLIC_URL: 'http://localhost',
    },
    drop,
  }
}

const authorization = (secret: string) => ({ authorization: `Bearer ${secret}` })

const query = '{ viewer { user { name } } }'

/** `node src/server.ts`, asked who the caller is with an API key. */
export function startLatchkey(name: string, { env }: Database): Promise<Subject> {
  const key = createApiKeySecret('lk')
  return startSubject({
    name,
    script: 'src/server.ts',
    cwd: root,
    env: { HOST: '127.0.0.1', LATCHKEY_BOOTSTRAP_KEY: key, LOG_LEVEL: 'warn', ...env },
    headers: authorization(key),
    bodies: [graphqlBody(query)],
    isGood: isData,
  })
}

/** Runs with a server on that database, and ends and drops both. */
export async function withLatchkey(
  name: string,
  database: Database,
  work: (subject: Subject) => Promise<void>,
): Promise<void> {
  try {
    const subject = await startLatchkey(name, database)
    try {
      await work(subject)
    } finally {
      await subject.stop()
    }
  } finally {
    await database.drop()
  }
}

/**
 * Asks the subject's server with its own credential.
 *
 * @throws when the answer is anything but data without errors
 */
async function ask<Data>({ url, headers }: Subject, body: string): Promise<Data> {
  const response = await fetch(url, { method: 'POST', headers: { ...headers }, body })
  const answer = await response.json()
  if (!isData(answer)) throw new Error(`answered ${JSON.stringify(answer)}`)
  return answer.data
}

const createAccessToken =
  'mutation { createAccessToken(input: { expiresInSeconds: 3600 }) { token } }'

/** The same server and query, asked with an access token of the subject's key. */
export async function byToken(subject: Subject, name: string): Promise<Subject> {
  const { createAccessToken: made } = await ask<{ createAccessToken: { token: string } }>(
    subject,
    graphqlBody(createAccessToken),
  )
  return { ...subject, name, headers: { ...subject.headers, ...authorization(made.token) } }
}

const createApiKey = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { secret errors { message } }
}`

const verifyApiKey = `mutation ($input: VerifyApiKeyInput!) {
  verifyApiKey(input: $input) { valid code }
}`

/** The same server, asked by a gateway's key whether other keys are good, so many in turn. */
export async function byGateway(subject: Subject, name: string, count: number): Promise<Subject> {
  const create = async (permissions: readonly string[]): Promise<string> => {
    const input = { name: crypto.randomUUID(), permissions, allSpaces: true }
    const { createApiKey: made } = await ask<{ createApiKey: { secret: string } }>(
      subject,
      graphqlBody(createApiKey, { input }),
    )
    return made.secret
  }
  const gateway = await create(['keys:read', 'keys:verify'])
  const secrets: string[] = []
  while (secrets.length < count) secrets.push(await create(['agents:read', 'agents:run']))
  const bodies = secrets.map((secret) => graphqlBody(verifyApiKey, { input: { secret } }))
  const expected = '{"data":{"verifyApiKey":{"valid":true,"code":"VALID"}}}'
  const headers = { ...subject.headers, ...authorization(gateway) }
  return { ...subject, name, headers, bodies, expected }
}
