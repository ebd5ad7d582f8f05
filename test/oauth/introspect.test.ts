import { decodeJwt } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { newId } from '../../src/ids.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Client, exchange, failure, type OAuthAnswer, send } from './ask.ts'

let verifier: Client
let key: Client
let support: string
let sales: string

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  verifier = await make.key({ name: 'gateway', permissions: ['keys:read', 'keys:verify'] })
  support = await make.space({ name: 'Support' })
  sales = await make.space({ name: 'Sales' })
  key = await make.key({
    name: 'helpdesk',
    permissions: ['workspace:read', 'agents:read', 'agents:update'],
    spaces: [{ spaceId: support }, { spaceId: sales, permissions: ['agents:read'] }],
  })
})

const introspect = (
  token: string,
  more: Record<string, string> = {},
  client = verifier,
): Promise<OAuthAnswer> => send(world, '/oauth/introspect', { token, ...more }, { client })

test('a live token is told with all that it is good for', async () => {
  const token = await exchange(world, key, { resource: 'https://reports.example' })
  const { exp, iat, jti } = decodeJwt(token)
  const { status, headers, body } = await introspect(token)
  expect(status).toBe(200)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(body).toEqual({
    active: true,
    scope: 'workspace:read agents:read',
    client_id: key.id,
    sub: key.id,
    token_type: 'Bearer',
    exp,
    iat,
    iss: 'http://latchkey.test',
    aud: ['https://reports.example'],
    jti,
    'latchkey:user': workspace.ownerId,
    'latchkey:workspace': workspace.id,
    'latchkey:spaces': { [support]: ['agents:read', 'agents:update'], [sales]: ['agents:read'] },
  })
})

test('a token for all spaces has no list of them', async () => {
  const all = { id: workspace.keyId, secret: workspace.secret }
  const { body } = await introspect(await exchange(world, all, { scope: 'spaces:read' }))
  expect(body).toMatchObject({ active: true, scope: 'spaces:read' })
  expect(body).not.toHaveProperty('latchkey:spaces')
})

test('who asks is a key or token with keys:verify, in one of three ways', async () => {
  const token = await exchange(world, key)
  const isActive = async (
    form: Record<string, string>,
    options: Parameters<typeof send>[3],
  ): Promise<unknown> => {
    const answer = await send(world, '/oauth/introspect', { token, ...form }, options)
    return answer.status === 200 ? answer.body.active : failure(answer)
  }
  const { id: client_id, secret: client_secret } = verifier
  expect(await isActive({}, { client: verifier })).toBe(true)
  expect(await isActive({ client_id, client_secret }, {})).toBe(true)
  expect(await isActive({}, { bearer: verifier.secret })).toBe(true)
  expect(await isActive({}, { bearer: await exchange(world, verifier) })).toBe(true)
  expect(await isActive({ token_type_hint: 'refresh_token' }, { client: verifier })).toBe(true)

  expect(await isActive({}, {})).toBe('401 invalid_client')
  expect(await isActive({}, { headers: { 'x-api-key': client_secret } })).toBe('401 invalid_client')
  expect(await isActive({ client_id, client_secret }, { client: verifier })).toBe(
    '400 invalid_request',
  )
  expect(await isActive({ client_id, client_secret }, { bearer: client_secret })).toBe(
    '400 invalid_request',
  )
  expect(await isActive({}, { client: { ...verifier, secret: 'nonsense' } })).toBe(
    '401 invalid_client',
  )
})

test.each([
  ['an unknown key', () => createApiKeySecret('lk')],
  ['nonsense', () => 'nonsense'],
  ['nothing', () => ''],
  ['a token for somebody else', () => exchange(world, verifier, { resource: 'urn:other' })],
])('asked by %s as bearer it is 401 invalid_token', async (_, bearer) => {
  const answer = await send(world, '/oauth/introspect', { token: 'x' }, { bearer: await bearer() })
  expect(failure(answer)).toBe('401 invalid_token')
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/)
})

// What a token is good for is told to who may verify, and not to whoever holds it.
test('without keys:verify it is 403, whatever the token is', async () => {
  const narrowed = await exchange(world, verifier, { scope: 'keys:read' })
  const token = await exchange(world, key)
  for (const options of [{ client: key }, { bearer: key.secret }, { bearer: narrowed }])
    for (const presented of [token, 'nonsense']) {
      const answer = await send(world, '/oauth/introspect', { token: presented }, options)
      expect(failure(answer)).toBe('403 insufficient_scope')
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="Latchkey", error="insufficient_scope", scope="keys:verify"',
      )
    }
})

test('without a token there is nothing to look at', async () => {
  const answer = await send(world, '/oauth/introspect', {}, { client: verifier })
  expect(failure(answer)).toBe('400 invalid_request')
  const empty = await send(world, '/oauth/introspect', 'token=', { client: verifier })
  expect(failure(empty)).toBe('400 invalid_request')
})

// A resource server knows the end client's address; without it the rule cannot be known to hold.
test('the address rule of a key holds for the address that is given', async () => {
  const ruled = await seed(world, workspace.secret).key({
    name: 'ruled',
    permissions: ['workspace:read'],
    allowedIps: ['10.0.0.0/8', '2001:db8::/32'],
  })
  const token = await exchange(world, ruled, {}, { address: '10.0.0.1' })
  const isActive = async (form: Record<string, string>): Promise<boolean> =>
    (await introspect(token, form)).body.active
  expect(await isActive({ ip: '10.9.9.9' })).toBe(true)
  expect(await isActive({ ip: '::ffff:10.9.9.9' })).toBe(true)
  expect(await isActive({ ip: '2001:db8::1' })).toBe(true)
  for (const ip of ['', '192.0.2.1', '2001:db9::1']) expect(await isActive({ ip })).toBe(false)
  expect((await introspect(await exchange(world, key), { ip: '192.0.2.1' })).body.active).toBe(true)
})

// It must not pass for an address that nothing is known of, whatever the token.
test('what is no address is a mistake of who asks', async () => {
  for (const jwt of [await exchange(world, key), 'nonsense'])
    for (const ip of ['unknown', '10.9.9.9, 192.0.2.1', '10.0.0.1:443', '1.2.3'])
      expect(failure(await introspect(jwt, { ip }))).toBe('400 invalid_request')
})

test('a token of a key with a thousand spaces is told whole', async () => {
  const { prisma } = world.deps
  const now = new Date()
  const spaceIds = Array.from({ length: 1_000 }, () => newId('spc'))
  await prisma.space.createMany({
    data: spaceIds.map((id) => ({
      workspaceId: workspace.id,
      id,
      name: id,
      nameKey: id,
      visibility: 'RESTRICTED' as const,
      createdAt: now,
      updatedAt: now,
    })),
  })
  const wide = await seed(world, workspace.secret).key({
    name: 'wide',
    permissions: ['agents:*', 'spaces:read'],
    spaces: spaceIds.map((spaceId, i) =>
      i === 0 ? { spaceId, permissions: ['agents:read'] } : { spaceId },
    ),
  })
  const token = await exchange(world, wide)
  expect(decodeJwt(token)).toMatchObject({ scope: 'agents:read', 'latchkey:spaces_ref': true })
  const { body } = await introspect(token)
  expect(body).toMatchObject({ active: true, scope: 'agents:read' })
  const spaces = body['latchkey:spaces']
  const actions = ['read', 'create', 'update', 'delete', 'run']
  const everything = ['spaces:read', ...actions.map((action) => `agents:${action}`)]
  expect(Object.keys(spaces).sort()).toEqual([...spaceIds].sort())
  expect(spaces[spaceIds[0] ?? '']).toEqual(['agents:read'])
  expect(spaces[spaceIds[999] ?? '']).toEqual(everything)
})

test('neither tokens nor keys are in the log', async () => {
  const token = await exchange(world, key)
  await introspect(token)
  await introspect(`${token}x`)
  await introspect(key.secret, { ip: token })
  const logged = world.logs.join('')
  for (const secret of [token, token.split('.')[2] ?? '', key.secret, verifier.secret])
    expect(logged).not.toContain(secret)
})
