import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { findKeyByHash, type Queryable } from '../../src/auth/key-record.ts'
import { openDatabase } from '../../src/db/client.ts'
import { unwatched } from '../setup/database.ts'
import { createPostgres } from '../setup/postgres.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'
import { createWorld, type World } from '../setup/world.ts'

let world: World

beforeEach(async () => {
  world = await createWorld()
  onTestFinished(() => world.close())
})

interface Kept {
  readonly statement: string
  /** How often it was run without being planned anew. */
  readonly unplanned: number
}

/** What the connection keeps that the next statement is sent over: the one that was used last. */
const kept = (db: Queryable): Promise<Kept[]> =>
  db.$queryRaw<Kept[]>`
    SELECT statement, generic_plans::int AS unplanned FROM pg_prepared_statements WHERE name <> ''`

async function who(secret: string): Promise<unknown> {
  // Read again each time, as where nothing may be remembered.
  world.deps.credentials.forget()
  return (await world.gql(secret, '{ viewer { role } }')).data?.viewer?.role
}

async function asTokenOf(secret: string): Promise<string> {
  const { data } = await world.gql(secret, 'mutation { createAccessToken(input: {}) { token } }')
  return data.createAccessToken.token
}

// Planning takes most of the time of a request that does little else than find its credential.
test.each(['API key', 'access token'])(
  'the statement that finds an %s is not planned for every request',
  async (kind) => {
    const workspace = await world.createWorkspace()
    const secret = kind === 'API key' ? workspace.secret : await asTokenOf(workspace.secret)
    for (let request = 0; request < 12; request++) expect(await who(secret)).toBe('OWNER')
    const table = kind === 'API key' ? '"ApiKeySecret" ps' : '"AccessToken" t'
    const lookUp = (await kept(world.deps.prisma)).filter((one) => one.statement.includes(table))
    expect(lookUp).toHaveLength(1)
    expect(lookUp[0]?.unplanned).toBeGreaterThan(4)
  },
)

// Each costs the server memory on every connection, and what is asked can vary without end.
test('whatever is asked, a connection keeps none but the two look-ups', async () => {
  const { secret } = await world.createWorkspace()
  const token = await asTokenOf(secret)
  for (const first of [1, 2, 3])
    for (const credential of [secret, token]) {
      const { errors } = await world.gql(
        credential,
        `{ apiKeys(first: ${first}) { nodes { owner { name } } } members(first: ${first}) { nodes { keyCount } } }`,
      )
      expect(errors).toEqual([])
    }
  const ofEachConnection = Array.from({ length: 10 }, () => kept(world.deps.prisma))
  const statements = (await Promise.all(ofEachConnection)).flat().map(({ statement }) => statement)
  expect(new Set(statements).size).toBe(2)
})

// As in an upgrade, where the first of the newer servers migrates while older ones go on.
test('credentials are found while tables get further columns', async () => {
  const { secret } = await world.createWorkspace()
  const token = await asTokenOf(secret)
  const everyTable = await world.deps.prisma.$queryRaw<{ name: string }[]>`
    SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`
  for (let request = 0; request < 12; request++)
    for (const credential of [secret, token]) expect(await who(credential)).toBe('OWNER')
  for (const { name } of everyTable)
    await world.deps.prisma.$executeRawUnsafe(`ALTER TABLE ${name} ADD COLUMN "newer" text`)
  expect(await who(secret)).toBe('OWNER')
  expect(await who(token)).toBe('OWNER')
})

/** The message in which a server tells the id of its process, up to that id. */
const keyData = Buffer.from('K\0\0\0\x0c')

function answersOfPooler(piece: Buffer): Buffer {
  const at = piece.indexOf(keyData)
  if (at >= 0) piece.writeInt32BE(piece.readInt32BE(at + keyData.length) ^ 1, at + keyData.length)
  return piece
}

// A pooler tells each client of a process of its own making. Of those that give every transaction
// another session, many know nothing of statements that are kept.
test('behind a pooler no statement is kept', async () => {
  const server = await createPostgres('migrated')
  const proxy = await tcpProxy(server.url, { answered: answersOfPooler })
  const { prisma, close } = await openDatabase({
    databaseUrl: proxy.url,
    ...unwatched,
  })
  onTestFinished(async () => {
    await close()
    await proxy.close()
    await server.drop()
  })
  for (let times = 0; times < 12; times++)
    expect(await findKeyByHash(prisma, new Uint8Array(32))).toBeUndefined()
  expect(await kept(prisma)).toEqual([])
})
