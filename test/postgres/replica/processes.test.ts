import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { type RunningServer, startServer } from '../../process/program.ts'
import { readMetrics } from '../../setup/metrics.ts'
import { createPostgres } from '../../setup/postgres.ts'

const viewer = '{ viewer { kind } }'

async function twoServers() {
  const { url, drop } = await createPostgres('migrated')
  const owner = createApiKeySecret('lk')
  const settings = {
    DATABASE_URL: url,
    SECRETS_KEY: randomBytes(32).toString('hex'),
    PUBLIC_URL: 'http://latchkey.test',
    LATCHKEY_BOOTSTRAP_KEY: owner,
  }
  const writer = await startServer(settings)
  const other = await startServer(settings)
  const database = new pg.Client({ connectionString: url })
  await database.connect()
  onTestFinished(async () => {
    await database.end()
    for (const { child, exited } of [writer, other]) {
      child.kill('SIGKILL')
      await exited
    }
    await drop()
  })
  const ask = async (query: string) => {
    const began = performance.now()
    const { data } = await writer.gql(owner, query)
    return { data, took: performance.now() - began }
  }
  const made = await ask(`mutation { createApiKey(input: { name: "k" }) { apiKey { id } secret } }`)
  const { apiKey, secret } = made.data.createApiKey
  const disable = () =>
    ask(`mutation { disableApiKey(input: { id: "${apiKey.id}" }) { errors { code } } }`)
  const status = async (server: RunningServer) => (await server.gql(secret, viewer)).status
  const replicas = async () => (await database.query('SELECT id FROM "Replica"')).rows.length
  expect([await status(other), await status(other), await replicas()]).toEqual([200, 200, 2])
  for (const { url } of [writer, other]) {
    const metrics = async () => readMetrics(await (await fetch(`${url}/metrics`)).text())
    const isHeld = async () => (await metrics()).get('latchkey_lease_held')
    await expect.poll(isHeld, { timeout: 10_000 }).toBe(1)
    // Of the key that one of them has made both have heard.
    const [now, connections] = [await metrics(), 'latchkey_database_connections']
    expect(now.get('latchkey_epochs_raised_total')).toBeGreaterThan(0)
    expect(now.get(`${connections}{state="idle"}`)).toBeGreaterThan(0)
    expect(now.get(`${connections}{state="waiting"}`)).toBe(0)
  }
  return { writer, other, disable, status, replicas, ask }
}

test('a server that stands still lets nobody in by what it remembers when it goes on', async () => {
  const { other, disable, status } = await twoServers()
  other.child.kill('SIGSTOP')
  // It cannot say that it has heard; its lease has run out when the answer comes, which does not wait
  // until it goes on.
  expect((await disable()).took).toBeGreaterThan(990)
  const asked = status(other)
  other.child.kill('SIGCONT')
  expect(await asked).toBe(401)
  expect(await status(other)).toBe(401)
})

test('a server that was killed delays changes for a moment and not for ever', async () => {
  const { other, disable, replicas, ask } = await twoServers()
  other.child.kill('SIGKILL')
  await other.exited
  await disable()
  await expect.poll(replicas, { timeout: 10_000 }).toBe(1)
  // Of those that wait for it none takes less than a second; any other may, on a machine that is busy.
  const change = (turn: number) =>
    ask(`mutation { createScope(input: { name: "${turn}" }) { errors { code } } }`)
  for (let turn = 0; (await change(turn)).took > 990; turn += 1);
})

test('a server that is asked to end is not waited for', async () => {
  const { other, replicas } = await twoServers()
  other.child.kill('SIGTERM')
  expect(await other.exited).toBe(0)
  expect(await replicas()).toBe(1)
})
