import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { directly } from '../modules/api-key/ask.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Client, exchange, send } from './ask.ts'

let verifier: Client

useWorkspace()
beforeAll(() => {
  verifier = { id: workspace.keyId, secret: workspace.secret }
})

const introspect = async (token: string, more: [string, string][] = []): Promise<any> => {
  const form = [['token', token] as const, ...more]
  const answer = await send(world, '/oauth/introspect', form, { client: verifier })
  expect(answer.status).toBe(200)
  return answer.body
}

let count = 0
const makeKey = (input: object = {}): Promise<Client> =>
  seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['agents:read'],
    allSpaces: true,
    ...input,
  })

const reports = 'https://reports.example'
const files = 'https://files.example'

/** Whether it is active for whoever names themselves by these. */
const isFor = async (token: string, ...resources: string[]): Promise<boolean> => {
  const parameters = resources.map((resource): [string, string] => ['resource', resource])
  return (await introspect(token, parameters)).active
}

// A resource server that forgets to compare `aud` would take the tokens of all others.
test('a resource server may name itself: a token for somebody else is then inactive', async () => {
  const key = await makeKey()
  const forUs = await exchange(world, key)
  const forReports = await exchange(world, key, { resource: reports })
  expect(await isFor(forReports)).toBe(true)
  expect(await isFor(forReports, reports)).toBe(true)
  expect(await isFor(forReports, '')).toBe(true)
  expect(await isFor(forUs, 'http://latchkey.test')).toBe(true)
  for (const other of [
    files,
    `${reports}/`,
    `${reports}/x`,
    reports.toUpperCase(),
    'reports',
    '.*',
  ])
    expect([other, await isFor(forReports, other)]).toEqual([other, false])
  expect(await isFor(forUs, reports)).toBe(false)
  expect(await isFor(forReports, 'http://latchkey.test')).toBe(false)
  expect(await introspect(forUs, [['resource', reports]])).toEqual({ active: false })
})

test('of several names each must be among those that the token is for', async () => {
  const pairs = [reports, files].map((uri) => ['resource', uri] as const)
  const { id, secret } = await makeKey()
  const form = [['grant_type', 'client_credentials'] as const, ...pairs]
  const { body } = await send(world, '/oauth/token', form, { client: { id, secret } })
  const token = body.access_token
  expect(await isFor(token, files)).toBe(true)
  expect(await isFor(token, files, reports)).toBe(true)
  expect(await isFor(token, files, 'urn:third')).toBe(false)
})

/** Not within the last third of a second, so that what follows is still in the same one. */
async function earlyInASecond(): Promise<number> {
  while (Date.now() % 1_000 > 600) await sleep(20)
  return Math.floor(Date.now() / 1_000) * 1_000
}

// Who is told "active" and an exp that is past would have to choose which of the two to believe.
test('a token whose exp has come is inactive, though its key has parts of a second left', async () => {
  const key = await makeKey()
  const token = await exchange(world, key)
  const endKeyAt = async (ms: number): Promise<any> => {
    await directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id: key.id }, data: { expiresAt: new Date(ms) } }),
    )
    return introspect(token)
  }
  const second = await earlyInASecond()
  expect(await endKeyAt(second + 999)).toEqual({ active: false })
  expect(await endKeyAt(second + 60_999)).toMatchObject({ active: true, exp: second / 1_000 + 60 })
})

// scope = scope-token *( SP scope-token ) (RFC 6749, 3.3): an empty one is none.
test('a token that can do nothing everywhere has no scope', async () => {
  const make = seed(world, workspace.secret)
  const [one, two] = [await make.space({ name: 'One' }), await make.space({ name: 'Two' })]
  const key = await makeKey({
    allSpaces: false,
    spaces: [{ spaceId: one }, { spaceId: two, permissions: [] }],
  })
  const form = { grant_type: 'client_credentials', scope: 'agents:read' }
  const { body } = await send(world, '/oauth/token', form, { client: key })
  // Left out it would say that all that was asked for was given (RFC 6749, 5.1).
  expect(body.scope).toBe('')
  const told = await introspect(body.access_token)
  expect(told).toMatchObject({ active: true, 'latchkey:spaces': { [one]: ['agents:read'] } })
  expect(told).not.toHaveProperty('scope')
})
