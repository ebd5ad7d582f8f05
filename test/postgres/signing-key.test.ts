import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { latchkey, type RunningServer, startServer } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

const mint = async ({ gql }: RunningServer, secret: string): Promise<string> =>
  (await gql(secret, 'mutation { createAccessToken(input: {}) { token } }')).data.createAccessToken
    .token

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

async function settingsOfEmptyDatabase() {
  const { url, drop } = await createPostgres('empty')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  // After the servers, which are ended first.
  onTestFinished(async () => {
    await client.end()
    await drop()
  })
  const settings = {
    DATABASE_URL: url,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    SECRETS_KEY: 'a key for tests, long enough to be one',
    PUBLIC_URL: 'https://keys.example.com',
    LOG_LEVEL: 'warn',
  }
  return { client, settings }
}

// Whoever rotates does it beside the servers, which are told of nothing.
test('a signing key made beside running servers is known to each as soon as a token needs it', async () => {
  const { client, settings } = await settingsOfEmptyDatabase()
  const servers = await Promise.all([startServer(settings), startServer(settings)])
  const started = performance.now()
  const [owner = ''] = servers.flatMap(({ printedKeys }) => printedKeys)
  const tokens = await Promise.all(servers.map((server) => mint(server, owner)))
  expect(new Set(tokens.map(kidOf)).size).toBe(1)
  const expectAcceptedBy = async (all: readonly RunningServer[]): Promise<void> => {
    for (const { gql } of all)
      for (const token of tokens)
        expect((await gql(token, '{ viewer { kind } }')).data).toEqual({
          viewer: { kind: 'ACCESS_TOKEN' },
        })
  }
  await expectAcceptedBy(servers)

  const rotations = ['rotate', 'rotate'].map((verb) => latchkey(['signing-key', verb], settings))
  const [one, two] = await Promise.all(rotations)
  expect(one).toEqual({ code: 0, stderr: '', stdout: two?.stdout })
  expect(one?.stdout).toMatch(/^The signing key [\w-]{43} is published, and signs from /)
  // Ten minutes later, when the servers have long since read the keys:
  await client.query(`UPDATE "SigningKey" SET "signsFrom" = "signsFrom" - interval '10 minutes'`)
  const late = await startServer(settings)
  tokens.push(await mint(late, owner))
  expect(one?.stdout).toContain(kidOf(tokens[2] ?? ''))
  expect(new Set(tokens.map(kidOf)).size).toBe(2)
  await sleep(Math.max(0, started + 5_000 - performance.now()))
  await expectAcceptedBy([...servers, late])

  const { rows } = await client.query('SELECT id, "privateKey" FROM "SigningKey"')
  expect(rows.map(({ id }) => id).sort()).toEqual([...new Set(tokens.map(kidOf))].sort())
  // A compact JWE whose key is nobody's but SECRETS_KEY's (RFC 7518, 4.5).
  for (const { privateKey } of rows)
    expect(privateKey).toMatch(/^ey[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/)
  for (const { output } of [...servers, late]) expect(output.stderr).toBe('')
})
