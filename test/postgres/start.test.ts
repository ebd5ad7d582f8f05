import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { launch, listening, startServer, stop } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

const secretsKey = 'a key for tests, long enough to be one'

async function emptyDatabase(): Promise<string> {
  const { url, drop } = await createPostgres('empty')
  // After the servers, which are ended first.
  onTestFinished(drop)
  return url
}

test('two servers started at once on an empty database make one workspace and show one key', async () => {
  const settings = { DATABASE_URL: await emptyDatabase(), SECRETS_KEY: secretsKey }
  const servers = await Promise.all([startServer(settings), startServer(settings)])
  const [key = '', ...more] = servers.flatMap(({ printedKeys }) => printedKeys)
  expect(more).toEqual([])
  for (const { output, gql } of servers) {
    expect(output.stderr).toBe('')
    expect((await gql(key, '{ viewer { role workspace { name } } }')).data.viewer).toEqual({
      role: 'OWNER',
      workspace: { name: 'Main' },
    })
  }
  const client = new pg.Client({ connectionString: settings.DATABASE_URL })
  await client.connect()
  const { rows } = await client.query('SELECT name FROM "Workspace"')
  await client.end()
  expect(rows).toEqual([{ name: 'Main' }])

  // What one of them changed, the other one knows at the next request.
  const [a, b] = servers
  const id = '{ viewer { apiKey { id } } }'
  const keyId = (await a.gql(key, id)).data.viewer.apiKey.id
  await a.gql(key, `mutation { revokeApiKey(input: { id: "${keyId}" }) { revokedCount } }`)
  expect((await b.gql(key, id)).errors[0].extensions.reason).toBe('REVOKED')
  expect(await Promise.all(servers.map(stop))).toEqual([0, 0])
})

// With another key the audit chain would go on under a key that cannot verify what is there.
test('another SECRETS_KEY than the first one stops the start', async () => {
  const settings = { DATABASE_URL: await emptyDatabase(), SECRETS_KEY: secretsKey }
  await stop(await startServer(settings))
  const other = 'another key for tests, as long as the first'
  const { output, exited } = launch({ ...settings, SECRETS_KEY: other })
  expect(await exited).toBe(1)
  expect(output.stdout).toBe('')
  expect(output.stderr).toMatch(/^latchkey: SECRETS_KEY is not the one that .+\n$/)
  expect(output.stderr).not.toContain(other)
  expect(output.stderr).not.toContain(secretsKey)
})

// People would sign in with the tokens that keys make here.
test('an issuer that is the PUBLIC_URL of an earlier start stops the start', async () => {
  const settings = { DATABASE_URL: await emptyDatabase(), SECRETS_KEY: secretsKey }
  const issuer = 'https://keys.example.com'
  await stop(await startServer({ ...settings, PUBLIC_URL: issuer }))
  const oidc = { OIDC_ISSUER: issuer, OIDC_AUDIENCE: issuer }
  const { output, exited } = launch({ ...settings, ...oidc })
  expect(await exited).toBe(1)
  expect(output.stderr).toMatch(
    /^latchkey: OIDC_ISSUER is .+; expected another one than PUBLIC_URL\n$/,
  )
})

test('without SECRETS_KEY the development key is used, with a warning', async () => {
  const server = await listening(launch({ DATABASE_URL: await emptyDatabase() }))
  expect(server.output.stderr).toMatch(
    /^\{.*SECRETS_KEY is not set: using the development key.*\}\n$/,
  )
  expect(server.printedKeys).toHaveLength(1)
})
