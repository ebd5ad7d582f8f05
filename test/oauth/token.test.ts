import { inspect } from 'node:util'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { newId } from '../../src/ids.ts'
import { directly, verdict } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { view } from '../setup/view.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { type Client, exchange, failure, type OAuthAnswer, send } from './ask.ts'

let world: World
let workspace: TestWorkspace
let space: string
let other: string

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  space = await make.space({ name: 'Support' })
  other = await make.space({ name: 'Sales' })
})
afterAll(() => world.close())

let count = 0
const makeKey = (input: object = {}): Promise<Client> =>
  seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['workspace:read', 'agents:read', 'agents:update'],
    spaces: [{ spaceId: space }, { spaceId: other, permissions: ['agents:read'] }],
    ...input,
  })

const grant = ['grant_type', 'client_credentials'] as const

/** Asks for a token as that client, by Basic authentication. */
const ask = (
  client: Client,
  more: Record<string, string> | [string, string][] = {},
  address?: string,
): Promise<OAuthAnswer> => {
  const pairs = Array.isArray(more) ? more : Object.entries(more)
  return send(world, '/oauth/token', [grant, ...pairs], {
    client,
    ...(address !== undefined && { address }),
  })
}

test('a key is exchanged for a token that can do what the key can', async () => {
  const key = await makeKey()
  const { status, headers, body } = await ask(key)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/^application\/json(;|$)/)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('pragma')).toBe('no-cache')
  expect(body).toEqual({
    access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    token_type: 'Bearer',
    expires_in: 900,
    scope: 'workspace:read agents:read',
  })
  expect(decodeProtectedHeader(body.access_token)).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt' })
  const { exp = 0, iat = 0, ...claims } = decodeJwt(body.access_token)
  expect(exp - iat).toBe(900)
  expect(claims).toEqual({
    iss: 'http://latchkey.test',
    aud: ['http://latchkey.test'],
    sub: key.id,
    client_id: key.id,
    jti: expect.stringMatching(/^tok_/),
    scope: body.scope,
    'latchkey:user': workspace.ownerId,
    'latchkey:workspace': workspace.id,
    'latchkey:spaces': { [space]: ['agents:read', 'agents:update'], [other]: ['agents:read'] },
  })
  expect(await view(world, body.access_token)).toEqual(await view(world, key.secret))
})

test('the client may authenticate in the form as well', async () => {
  const { id, secret } = await makeKey()
  const form = [grant, ['client_id', id], ['client_secret', secret]] as const
  expect((await send(world, '/oauth/token', form)).status).toBe(200)
})

test('scope narrows; the rest stays with the key', async () => {
  const key = await makeKey()
  const { body } = await ask(key, { scope: 'agents:read' })
  expect(body.scope).toBe('agents:read')
  expect(await view(world, body.access_token)).toEqual({
    permissions: ['agents:read'],
    allSpaces: false,
    spaces: { [space]: ['agents:read'], [other]: ['agents:read'] },
  })
  const every = await makeKey({
    permissions: ['agents:*', 'workspace:read'],
    allSpaces: true,
    spaces: [],
  })
  const all = await ask(every, { scope: 'agents:*' })
  expect(all.body.scope).toBe('agents:read agents:create agents:update agents:delete agents:run')
  expect(decodeJwt(all.body.access_token)).not.toHaveProperty('latchkey:spaces')
})

test.each([
  ['an unknown name', 'agents:fly'],
  ['a name that the key does not hold', 'agents:read agents:delete'],
  ['an alias wider than the key', 'agents:*'],
  ['everything', '*'],
  ['a permission without what it requires', 'agents:update'],
  ['two blanks between', 'agents:read  workspace:read'],
  ['a comma between', 'agents:read,workspace:read'],
  ['another case', 'Agents:read'],
  ['what no description may hold', 'é"\\\u0007'],
])('scope: %s is invalid_scope', async (_, scope) => {
  const answer = await ask(await makeKey(), { scope })
  expect(failure(answer)).toBe('400 invalid_scope')
  // RFC 6749, 5.2
  expect(answer.body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
})

test('scope: what is divided in another way is shown, with what divides it', async () => {
  const client = await makeKey()
  for (const scope of [
    'agents:read,workspace:read',
    'agents:read|workspace:read',
    'agents:read+workspace:read',
  ]) {
    const { body } = await ask(client, { scope })
    expect(body.error_description).toBe(
      `'${scope}' is several permissions; name each by itself. In scope, one blank divides them.`,
    )
  }
})

test('what is asked for must be the client credentials grant', async () => {
  const client = await makeKey()
  const outcome = async (form: Parameters<typeof send>[2]) =>
    failure(await send(world, '/oauth/token', form, { client }))
  expect(await outcome({})).toBe('400 invalid_request')
  expect(await outcome('grant_type=')).toBe('400 invalid_request')
  expect(await outcome('grant_type=client_credentials&grant_type=client_credentials')).toBe(
    '400 invalid_request',
  )
  expect(await outcome({ grant_type: 'password' })).toBe('400 unsupported_grant_type')
  expect(await outcome({ grant_type: 'authorization_code' })).toBe('400 unsupported_grant_type')
  const twice = {
    ...Object.fromEntries([grant]),
    client_id: client.id,
    client_secret: client.secret,
  }
  expect(await outcome(twice)).toBe('400 invalid_request')
  expect(await outcome([grant, ['scope', 'agents:read'], ['scope', 'agents:read']])).toBe(
    '400 invalid_request',
  )
})

const refused = async (client: Client, address?: string): Promise<string> => {
  const answer = await ask(client, {}, address)
  expect(answer.headers.get('www-authenticate')).toBe('Basic realm="Latchkey"')
  expect(answer.text).not.toContain(client.secret)
  return failure(answer)
}

test('whatever is wrong with the key is invalid_client', async () => {
  const key = await makeKey()
  expect(await refused({ id: key.id, secret: 'nonsense' })).toBe('401 invalid_client')
  expect(await refused({ id: key.id, secret: createApiKeySecret('lk') })).toBe('401 invalid_client')
  expect(await refused({ id: (await makeKey()).id, secret: key.secret })).toBe('401 invalid_client')
  expect(await refused({ id: 'key_nothing', secret: key.secret })).toBe('401 invalid_client')

  const ruled = await makeKey({ allowedIps: ['10.0.0.0/8'] })
  expect(await refused(ruled, '192.0.2.1')).toBe('401 invalid_client')
  expect((await ask(ruled, {}, '10.1.2.3')).status).toBe(200)

  const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id: key.id,
    overlapSeconds: 0,
  })
  expect(await refused(key)).toBe('401 invalid_client')
  const fresh = { id: key.id, secret: rotated.secret }
  expect((await ask(fresh)).status).toBe(200)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await refused(fresh)).toBe('401 invalid_client')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: key.id })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: key.id }, data: { expiresAt: new Date(0) } }),
  )
  expect(await refused(fresh)).toBe('401 invalid_client')
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  expect(await refused(fresh)).toBe('401 invalid_client')
})

test('a token is no client, and cannot be exchanged for another', async () => {
  const key = await makeKey()
  const { body } = await ask(key)
  expect(await refused({ id: key.id, secret: body.access_token })).toBe('401 invalid_client')
  const bearer = await send(world, '/oauth/token', [grant], { bearer: key.secret })
  expect(failure(bearer)).toBe('401 invalid_client')
})

test('a legacy key is told that it may not', async () => {
  const key = await makeKey()
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: key.id }, data: { legacy: true } }),
  )
  expect(failure(await ask(key))).toBe('400 unauthorized_client')
})

// As any other use of a new secret: whoever switched over to it has no use for the old one.
test('an exchange is a use of the key, and the first one of a new secret retires the old', async () => {
  const key = await makeKey()
  const input = { id: key.id, retirePreviousOnFirstUse: true }
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', input)
  expect(await refused({ id: (await makeKey()).id, secret })).toBe('401 invalid_client')
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  expect((await ask({ id: key.id, secret }, {}, '192.0.2.44')).status).toBe(200)
  expect(await verdict(world, key.secret)).toBe('401 ROTATED')
  await world.deps.usage.flush()
  const { data } = await world.gql(workspace.secret, `{ apiKey(id: "${key.id}") { lastUsedIp } }`)
  expect(data.apiKey.lastUsedIp).toBe('192.0.2.44')
})

test('the hundred-and-first live token is too much, for now', async () => {
  const key = await makeKey()
  await exchange(world, key)
  const { prisma } = world.deps
  const token = await prisma.accessToken.findFirstOrThrow({ where: { keyId: key.id } })
  const copies = Array.from({ length: 98 }, () => ({
    ...token,
    narrowings: token.narrowings ?? {},
    id: newId('tok'),
  }))
  await prisma.accessToken.createMany({ data: copies })
  await exchange(world, key)
  const answer = await ask(key)
  expect(failure(answer)).toBe('429 temporarily_unavailable')
  expect(answer.headers.get('retry-after')).toBe('60')
  await directly(world, workspace.id, () =>
    prisma.accessToken.update({
      where: { workspaceId_id: { workspaceId: workspace.id, id: token.id } },
      data: { expiresAt: new Date() },
    }),
  )
  await exchange(world, key)
})

test('the exchange is in the audit, and nothing secret is there or in the log', async () => {
  const key = await makeKey()
  const { body, headers } = await ask(key)
  await ask(key, { scope: key.secret })
  await ask({ id: key.id, secret: `${key.secret}x` }, { scope: body.access_token })
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { requestId: headers.get('x-request-id') },
  })
  expect(events.map(({ action, apiKeyId }) => [action, apiKeyId])).toEqual([
    ['access_token.created', key.id],
  ])
  const everything = inspect(events, { maxArrayLength: null }) + world.logs.join('')
  for (const secret of [key.secret, body.access_token.split('.')[2]])
    expect(everything).not.toContain(secret)
})
