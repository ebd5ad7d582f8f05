import { chmod } from 'node:fs/promises'
import pg from 'pg'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openInstallation } from '../../src/installation.ts'
import { createFolder } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

// Idle ones would keep a command from ending for half a minute.
test('an installation that cannot be opened leaves no connection behind', async () => {
  const { url, drop } = await createPostgres('migrated')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(async () => {
    await client.end()
    await drop()
  })
  await client.query(`INSERT INTO "Setting" (name, value) VALUES ('secretsKeyFingerprint', 'x')`)
  const env = readConfig({
    DATABASE_URL: url,
    DATA_DIR: await createFolder(),
    SECRETS_KEY: 'a key for tests, long enough to be one',
  })
  await expect(openInstallation(env, pino({ enabled: false }))).rejects.toThrow('SECRETS_KEY')
  const connections = async (): Promise<number> => {
    const { rows } = await client.query(`SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    return rows[0].count
  }
  await expect.poll(connections, { timeout: 10_000 }).toBe(0)
})

// Documents and uploads are kept in it, unless a setting says where.
test('a DATA_DIR that others may write to is refused with a database elsewhere too', async () => {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const dataDir = await createFolder()
  await chmod(dataDir, 0o775)
  const env = readConfig({ DATABASE_URL: url, DATA_DIR: dataDir, SECRETS_KEY: 'x'.repeat(40) })
  const opening = openInstallation(env, pino({ enabled: false }))
  await expect(opening).rejects.toThrow(`DATA_DIR ${dataDir} has mode 775`)
})

test.each([
  [3, /^the clock of this machine is 1[78]\d minutes ahead of the database's: tokens are refused/],
  [-3, /^the clock of this machine is 1[78]\d minutes behind the database's: tokens are refused/],
  [0, undefined],
])('a clock of this machine that is %i hours ahead is one line in the log', async (hours, line) => {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const warnings: string[] = []
  const write = (text: string) => void warnings.push(JSON.parse(text).msg)
  const settings = {
    DATABASE_URL: url,
    DATA_DIR: await createFolder(),
    SECRETS_KEY: 'x'.repeat(40),
  }
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())
  const { close } = await openInstallation(readConfig(settings), pino({ level: 'warn' }, { write }))
  await close()
  expect(warnings).toEqual(line === undefined ? [] : [expect.stringMatching(line)])
})
