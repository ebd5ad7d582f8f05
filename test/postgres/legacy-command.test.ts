import { expect, onTestFinished, test } from 'vitest'
import { importsAll, legacyFile } from '../process/legacy-file.ts'
import { ask, latchkey, startServer, stop } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

// The command writes beside the servers: they have to learn of it by themselves.
test('a running server knows imported keys, and revoked ones, with the next request', async () => {
  const { url, drop } = await createPostgres('empty')
  // After the server, which is ended first.
  onTestFinished(drop)
  const settings = { DATABASE_URL: url, SECRETS_KEY: 'a key for tests, long enough to be one' }
  const server = await startServer(settings)
  const file = await legacyFile(1_200)
  const [ofWorkspace = '', ofPerson = ''] = file.secrets
  const viewer = '{ viewer { role apiKey { id } } }'
  for (const secret of [ofWorkspace, ofPerson])
    expect((await ask(server.url, secret, viewer)).errors[0].extensions.reason).toBe('MALFORMED')
  await importsAll(settings, file)
  expect((await ask(server.url, ofWorkspace, viewer)).data.viewer.role).toBe('OWNER')
  const { role, apiKey } = (await ask(server.url, ofPerson, viewer)).data.viewer
  expect(role).toBe('OWNER')
  expect(await latchkey(['legacy', 'revoke', apiKey.id], settings)).toMatchObject({ code: 0 })
  expect((await ask(server.url, ofPerson, viewer)).errors[0].extensions.reason).toBe('REVOKED')
  expect(await stop(server)).toBe(0)
})
