import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { queryTimeoutMs } from '../../src/db/postgres.ts'
import { startServer } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'

// A service manager kills what does not end.
test('a server that is asked to end while its database hangs waits for no query', async () => {
  const { url, drop } = await createPostgres('migrated')
  const proxy = await tcpProxy(url)
  const other = new pg.Client({ connectionString: proxy.url, query_timeout: queryTimeoutMs })
  await other.connect()
  onTestFinished(async () => {
    proxy.mend()
    await other.end()
    await proxy.close()
    await drop()
  })
  const secret = createApiKeySecret('lk')
  const { child, exited, gql } = await startServer({
    DATABASE_URL: proxy.url,
    SECRETS_KEY: randomBytes(32).toString('hex'),
    PUBLIC_URL: 'http://latchkey.test',
    LATCHKEY_BOOTSTRAP_KEY: secret,
    SHUTDOWN_SECONDS: '1',
    LOG_LEVEL: 'fatal',
  })
  const viewer = '{ viewer { kind } }'
  // The second use is still to be stored.
  for (let use = 0; use < 2; use += 1) expect((await gql(secret, viewer)).status).toBe(200)
  proxy.hang()
  child.kill('SIGTERM')
  const query = other.query('SELECT 1').then(
    () => 'an answer',
    () => 'a query that has had its time',
  )
  expect(await Promise.race([exited, query])).toBe(0)
  expect(await query).toBe('a query that has had its time')
})
