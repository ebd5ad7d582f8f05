import { expect, onTestFinished, test } from 'vitest'
import { ask, latchkey, startServer, stop } from '../process/program.ts'
import { createPostgres } from '../setup/postgres.ts'

// The command writes beside the servers: they have to learn of it by themselves.
test('a running server knows a key that was created, and a revoked one, with the next request', async () => {
  const { url, drop } = await createPostgres('empty')
  // After the server, which is ended first.
  onTestFinished(drop)
  const settings = { DATABASE_URL: url, SECRETS_KEY: 'a key for tests, long enough to be one' }
  const server = await startServer(settings)
  const result = async (...argv: string[]): Promise<any> => {
    const { code, stdout, stderr } = await latchkey([...argv, '--json'], settings)
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout)
  }
  const [owner] = await result('members', 'list')
  const { apiKey, secret } = await result('keys', 'create', owner.user.id, 'CI', '--all-spaces')
  const viewer = async (credential: string) => {
    const { data, errors } = await ask(server.url, credential, '{ viewer { role } }')
    return data?.viewer.role ?? errors[0].extensions.reason
  }
  expect(await viewer(secret)).toBe('OWNER')
  const rotated = await result('keys', 'rotate', apiKey.id, '--overlap-seconds', '0')
  expect(await viewer(secret)).toBe('ROTATED')
  expect(await viewer(rotated.secret)).toBe('OWNER')
  await result('keys', 'revoke', apiKey.id)
  expect(await viewer(rotated.secret)).toBe('REVOKED')
  expect(await stop(server)).toBe(0)
})
