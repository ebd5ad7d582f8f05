import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { addressLimits } from '../../src/limits/failed-auth.ts'
import { type Client, exchange, failure, send } from '../oauth/ask.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

let client: Client

useWorkspace()
beforeAll(() => {
  client = { id: workspace.keyId, secret: workspace.secret }
})

const grant = { grant_type: 'client_credentials' }
const paths = ['/oauth/token', '/oauth/introspect', '/oauth/revoke']

// Told server_error, a client would report a fault; told invalid_client, throw a good key away.
test('too many failures from an address are 429 at every door, and good keys go on', async () => {
  const address = '192.0.2.1'
  const guess = (path: string) =>
    send(
      world,
      path,
      { ...grant, token: 'x' },
      { client: { ...client, secret: createApiKeySecret('lk') }, address },
    )
  await exchange(world, client, {}, { address })
  for (let count = 0; count < addressLimits.failedAttempts; count += 1)
    expect(failure(await guess(paths[count % 3] ?? ''))).toBe('401 invalid_client')
  const bearer = createApiKeySecret('lk')
  const answers = [
    ...(await Promise.all(paths.map(guess))),
    await send(world, '/oauth/introspect', { token: 'x' }, { bearer, address }),
  ]
  for (const answer of answers) {
    expect(failure(answer)).toBe('429 temporarily_unavailable')
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  }
  await exchange(world, client, {}, { address })
})

// A resource server passes on what strangers send it: that must not shut out the resource server.
test('made-up tokens count against the address that they came from, in that workspace', async () => {
  const token = await exchange(world, client)
  const [head = '', body = ''] = token.split('.')
  const madeUp = () => `${head}.${body}.${randomUUID()}`
  const introspect = (jwt: string, ip: string, from = client) =>
    send(world, '/oauth/introspect', { token: jwt, ip }, { client: from })
  const ip = '198.51.100.1'
  expect((await introspect(token, ip)).body).toMatchObject({ active: true })
  for (let count = 0; count < addressLimits.failedAttempts; count += 1)
    expect((await introspect(madeUp(), ip)).body).toEqual({ active: false })
  const answer = await introspect(madeUp(), `::ffff:${ip}`)
  expect(failure(answer)).toBe('429 temporarily_unavailable')
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
  expect((await introspect(token, ip)).body).toMatchObject({ active: true })
  expect((await introspect(madeUp(), '198.51.100.2')).body).toEqual({ active: false })
  // Where it is not told, they count against who asks; well signed ones are let through.
  const introspectHere = (jwt: string) =>
    send(world, '/oauth/introspect', { token: jwt }, { client })
  for (let count = 0; count < addressLimits.failedAttempts; count += 1)
    expect((await introspectHere(madeUp())).body).toEqual({ active: false })
  expect(failure(await introspectHere(madeUp()))).toBe('429 temporarily_unavailable')
  expect((await introspectHere(token)).body).toMatchObject({ active: true })
  const other = await world.createWorkspace()
  const elsewhere = { id: other.keyId, secret: other.secret }
  expect((await introspect(madeUp(), ip, elsewhere)).body).toEqual({ active: false })
})
