import { expect, test } from 'vitest'
import { createFolder, latchkey, type RunningServer, startServer, stop } from './program.ts'

const mint = async ({ gql }: RunningServer, secret: string): Promise<string> =>
  (await gql(secret, 'mutation { createAccessToken(input: {}) { token } }')).data.createAccessToken
    .token

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

const published = async (url: string): Promise<string[]> => {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as {
    keys: { kid: string }[]
  }
  return keys.map(({ kid }) => kid)
}

const accepts = async ({ gql }: RunningServer, token: string): Promise<boolean> =>
  (await gql(token, '{ viewer { kind } }')).data?.viewer.kind === 'ACCESS_TOKEN'

const told = /^The signing key ([\w-]{43}) is published, and signs from (\S+Z) on\.\n$/

test('signing-key rotate: in the running server, without one, and through restarts', async () => {
  const settings = { DATA_DIR: await createFolder(), PUBLIC_URL: 'https://keys.example.com' }
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  const before = await mint(server, owner)
  expect(await published(server.url)).toEqual([kidOf(before)])

  const rotated = await latchkey(['signing-key', 'rotate'], settings)
  expect(rotated).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(told) })
  const [, next, signsFrom = ''] = told.exec(rotated.stdout) ?? []
  const wait = new Date(signsFrom).getTime() - Date.now()
  expect(wait).toBeGreaterThan(9 * 60_000)
  expect(wait).toBeLessThanOrEqual(10 * 60_000)
  expect(await published(server.url)).toEqual([kidOf(before), next])
  const after = await mint(server, owner)
  expect(kidOf(after)).toBe(kidOf(before))
  // Asked for again while one is to come, it is that one.
  expect((await latchkey(['signing-key', 'rotate'], settings)).stdout).toBe(rotated.stdout)
  expect(await stop(server)).toBe(0)

  const alone = await latchkey(['signing-key', 'rotate'], settings)
  expect(alone).toEqual({ code: 0, stderr: '', stdout: rotated.stdout })
  const again = await startServer(settings)
  expect(await published(again.url)).toEqual([kidOf(before), next])
  for (const token of [before, after]) expect(await accepts(again, token)).toBe(true)
  expect(again.output.stderr).toBe('')
})
