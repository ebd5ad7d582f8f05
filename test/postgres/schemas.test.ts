import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { connectionTo } from '../../src/db/connection.ts'
import { migratePostgres } from '../../src/db/postgres.ts'
import { launch, startServer, stop } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

const SECRETS_KEY = 'a key for tests, long enough to be one'

async function emptyDatabase(): Promise<string> {
  const { url, drop } = await createPostgres('empty')
  onTestFinished(drop)
  return url
}

async function query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const tablesBySchema = `SELECT schemaname AS schema, count(*)::int > 20 AS all FROM pg_tables
  WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1 ORDER BY 1`

const made = 'mutation { createSpace(input: { name: "One" }) { errors { code } space { name } } }'

/** The last of them is there before, with a table of the same name as one of ours in `public`. */
const urls: readonly [what: string, parameters: string, schema: string][] = [
  ['schema=', '?schema=app', 'app'],
  ['schema= with capitals and blanks', '?schema=My%20App', 'My App'],
  ['schema= beside other options', '?options=-c%20statement_timeout%3D9000&schema=app', 'app'],
  ['search_path', '?options=-c%20search_path%3Dapp%2Cpublic', 'app'],
]

test.each(urls)(
  'DATABASE_URL with %s: everything is in that schema',
  async (_, parameters, schema) => {
    const url = await emptyDatabase()
    await query(url, 'CREATE TABLE public."Setting" (id int)')
    if (!parameters.includes('schema=')) await query(url, `CREATE SCHEMA "${schema}"`)
    const settings = { DATABASE_URL: `${url}${parameters}`, SECRETS_KEY }
    const server = await startServer(settings)
    const [key = ''] = server.printedKeys
    expect(await server.gql(key, made)).toMatchObject({
      data: { createSpace: { errors: [], space: { name: 'One' } } },
    })
    expect(server.output.stderr).toBe('')
    expect(await stop(server)).toBe(0)
    expect(await query(url, tablesBySchema)).toEqual(
      [
        { schema, all: true },
        { schema: 'public', all: false },
      ].sort((a, b) => (a.schema < b.schema ? -1 : 1)),
    )
    const again = await startServer(settings)
    expect(again.printedKeys).toEqual([])
    expect(
      (await again.gql(key, '{ spaces { nodes { name } } }')).data.spaces.nodes,
    ).toContainEqual({
      name: 'One',
    })
    expect(await stop(again)).toBe(0)
  },
)

test('two installations in two schemas of one database know nothing of each other', async () => {
  const url = await emptyDatabase()
  const start = (schema: string) =>
    startServer({ DATABASE_URL: `${url}?schema=${schema}`, SECRETS_KEY })
  const [a, b] = [await start('a'), await start('b')]
  const [keyOfA = ''] = a.printedKeys
  const [keyOfB = ''] = b.printedKeys
  expect((await a.gql(keyOfA, made)).data.createSpace.errors).toEqual([])
  expect((await b.gql(keyOfB, '{ spaces { nodes { name } } }')).data.spaces.nodes).toEqual([])
  expect((await b.gql(keyOfA, '{ viewer { role } }')).errors[0].extensions.reason).toBe('UNKNOWN')
  expect(await Promise.all([stop(a), stop(b)])).toEqual([0, 0])
})

/** A role of its own, by whose URL a server starts. */
async function roleOf(url: string, ...grants: readonly string[]): Promise<string> {
  const name = `role_${new URL(url).pathname.slice(1)}`.slice(0, 60)
  await query(url, `CREATE ROLE ${name} LOGIN`)
  onTestFinished(async () => void (await query(url, `DROP OWNED BY ${name}; DROP ROLE ${name}`)))
  for (const grant of grants) await query(url, grant.replaceAll('ROLE', name))
  const own = new URL(url)
  own.username = name
  return own.href
}

const noPrivilege: readonly [what: string, prepare: (url: string) => Promise<string>, RegExp][] = [
  [
    'no right to make tables',
    (url) => roleOf(url),
    /may make no tables in the schema public; .+ run: GRANT CREATE ON SCHEMA "public" TO "role_/,
  ],
  [
    'no right to make the schema that is named',
    async (url) => `${await roleOf(url)}?schema=app`,
    /permission denied for database .+ run: GRANT CREATE ON DATABASE ".+" TO "role_/,
  ],
  [
    'tables that belong to another role',
    async (url) => {
      await migratePostgres(url)
      return roleOf(url, 'GRANT SELECT ON _prisma_migrations TO ROLE')
    },
    /may not read and write all tables; .+ run: GRANT SELECT, INSERT, UPDATE, DELETE ON public."AccessToken", public.+ TO "role_/,
  ],
  [
    'a schema beside an installation of earlier versions, which did not read it',
    async (url) => {
      await migratePostgres(url)
      return `${url}?schema=app`
    },
    /an installation is in the schema public: leave "schema=" out of DATABASE_URL, or make/,
  ],
  [
    'a schema that no session can use',
    async (url) => `${url}?schema=%24user`,
    /is not used by the/,
  ],
  [
    'a search_path without a schema',
    async (url) => `${url}?options=-c%20search_path%3Dnone`,
    /no schema of the search_path is there; make it, or name one by "schema=" in DATABASE_URL/,
  ],
]

test.each(noPrivilege)(
  '%s stops the start with one line that says what to do',
  async (_, prepare, line) => {
    const url = await emptyDatabase()
    const DATABASE_URL = await prepare(url)
    const { output, exited } = launch({ DATABASE_URL, SECRETS_KEY })
    expect(await exited).toBe(1)
    expect(output.stderr).toMatch(/^latchkey: .+\n$/)
    expect(output.stderr).toMatch(line)
  },
)

// PostGIS keeps such a table in `public`, which belongs to somebody else.
test('tables of other programs in the schema do not matter', async () => {
  const url = await emptyDatabase()
  await query(url, 'CREATE TABLE spatial_ref_sys (id int)')
  const role = await roleOf(url, 'GRANT CREATE ON SCHEMA public TO ROLE')
  expect((await migratePostgres(role)).schema).toBe('public')
})

// The PostgreSQL manual, 34.19.1: only with a root certificate is the server's own looked at.
test.each([
  ['sslmode=require', { rejectUnauthorized: false }],
  ['sslmode=verify-full', {}],
  ['sslmode=disable', false],
])('%s means what it means to libpq', (parameter, ssl) => {
  const { connectionString } = connectionTo(`postgresql://app@db.example/latchkey?${parameter}`)
  expect(new pg.Client({ connectionString })).toMatchObject({ ssl })
})
