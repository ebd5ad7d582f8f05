import { decodeJwt, SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { directly } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Client, exchange, send } from './ask.ts'

let verifier: Client

useWorkspace()
beforeAll(() => {
  verifier = { id: workspace.keyId, secret: workspace.secret }
})

const introspect = async (token: string): Promise<any> => {
  const answer = await send(world, '/oauth/introspect', { token }, { client: verifier })
  expect(answer.status).toBe(200)
  return answer.body
}

const inactive = { active: false }

let count = 0
/** A machine user with a key of its own, and a token of that. */
async function subject(role = 'ADMIN', input: object = {}) {
  count += 1
  const make = seed(world, workspace.secret)
  const owner = await make.machine({ name: `Robot ${count}`, role })
  const key = await make.key({
    name: `key ${count}`,
    ownerId: owner.userId,
    permissions: ['workspace:read', 'agents:read', 'agents:update'],
    allSpaces: true,
    ...input,
  })
  const token = await exchange(world, key)
  expect(await introspect(token)).toMatchObject({ active: true })
  return { owner, key, token }
}

const change = (mutation: string, selection: string, input: Record<string, unknown>) =>
  done(world, workspace.secret, mutation, selection, input)

/** Signed by our own key, but not what we would sign. */
async function forged(token: string, header: object, claims: object): Promise<string> {
  const { id, privateKey } = await world.deps.signingKeys.current()
  const protectedHeader = { alg: 'EdDSA', typ: 'at+jwt', kid: id, ...header }
  return new SignJWT({ ...decodeJwt(token), ...claims })
    .setProtectedHeader(protectedHeader)
    .sign(privateKey)
}

test('what is no token of the workspace is inactive, and nothing more is told', async () => {
  const { key, token } = await subject()
  const [head = '', body = '', signature = ''] = token.split('.')
  const stranger = await world.createWorkspace()
  const foreign = await exchange(world, { id: stranger.keyId, secret: stranger.secret })
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  const presented = {
    nonsense: 'nonsense',
    'an API key': key.secret,
    "another workspace's": foreign,
    'a signature cut short': token.slice(0, -2),
    'another signature': `${head}.${body}.${[...signature].reverse().join('')}`,
    'a padded signature': `${token}==`,
    'no signature': `${none}.${body}.`,
    'another body': `${head}.${foreign.split('.')[1]}.${signature}`,
    'a blank before': ` ${token}`,
    'another type': await forged(token, { typ: 'JWT' }, {}),
    'a key of its own': await forged(token, { jwk: { kty: 'OKP' } }, {}),
    'an unknown key id': await forged(token, { kid: 'other' }, {}),
    'another issuer': await forged(token, {}, { iss: 'http://other.test' }),
    'an unknown token id': await forged(token, {}, { jti: newId('tok') }),
    'one that is over': await forged(token, {}, { exp: Math.floor(Date.now() / 1_000) - 3_600 }),
    'another workspace in the claims': await forged(
      token,
      {},
      { 'latchkey:workspace': stranger.id },
    ),
    'one that is too long': `${token}${'x'.repeat(20_000)}`,
  }
  for (const [name, text] of Object.entries(presented))
    expect({ [name]: await introspect(text) }).toEqual({ [name]: inactive })
  expect(await introspect(token)).toMatchObject({ active: true })
})

test('a token is inactive as soon as it, its key or its owner is out', async () => {
  const revoked = await subject()
  await change('revokeAccessToken', 'accessToken { id }', { id: decodeJwt(revoked.token).jti })
  expect(await introspect(revoked.token)).toEqual(inactive)

  const rotated = await subject()
  const successor = await done(world, rotated.token, 'rotateAccessToken', 'token', {})
  expect(await introspect(rotated.token)).toEqual(inactive)
  expect(await introspect(successor.token)).toMatchObject({ active: true })

  const { key, token } = await subject()
  await change('disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await introspect(token)).toEqual(inactive)
  await change('enableApiKey', 'apiKey { id }', { id: key.id })
  expect(await introspect(token)).toMatchObject({ active: true })
  await change('revokeApiKey', 'apiKey { id }', { id: key.id })
  expect(await introspect(token)).toEqual(inactive)

  const removed = await subject()
  await change('removeMember', 'member { id }', { id: removed.owner.id })
  expect(await introspect(removed.token)).toEqual(inactive)

  const over = await subject()
  const past = { expiresAt: new Date(0) }
  await directly(world, workspace.id, (prisma) =>
    prisma.accessToken.updateMany({ where: { keyId: over.key.id }, data: past }),
  )
  expect(await introspect(over.token)).toEqual(inactive)

  const keyOver = await subject()
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: keyOver.key.id }, data: past }),
  )
  expect(await introspect(keyOver.token)).toEqual(inactive)
})

test('a token that ends with its key says so', async () => {
  const { key, token } = await subject()
  const soon = new Date(Date.now() + 300_000)
  await change('updateApiKey', 'apiKey { id }', { id: key.id, expiresAt: soon.toISOString() })
  expect(await introspect(token)).toMatchObject({ exp: Math.floor(soon.getTime() / 1_000) })
})

test('what it is good for shrinks with the role of its owner', async () => {
  const { owner, token } = await subject()
  const before = await introspect(token)
  expect(before.scope).toBe('workspace:read agents:read agents:update')
  expect(before).not.toHaveProperty('latchkey:spaces')
  const open = await seed(world, workspace.secret).space({ name: 'Open', visibility: 'OPEN' })
  await change('updateMember', 'member { id }', { id: owner.id, role: 'MEMBER' })
  expect(await introspect(token)).toMatchObject({
    active: true,
    scope: 'workspace:read agents:read',
    'latchkey:spaces': { [open]: ['agents:read'] },
  })
  await change('updateSpace', 'space { id }', { id: open, visibility: 'RESTRICTED' })
  const closed = await introspect(token)
  expect(closed).toMatchObject({ active: true, scope: 'workspace:read' })
  expect(closed['latchkey:spaces']).toEqual({})
})

test('a space that is deleted or taken away is out of its list', async () => {
  const make = seed(world, workspace.secret)
  const [one, two, three] = [
    await make.space({ name: 'One' }),
    await make.space({ name: 'Two' }),
    await make.space({ name: 'Three' }),
  ]
  const spaces = [one, two, three].map((spaceId) => ({ spaceId }))
  const { key, token } = await subject('ADMIN', { allSpaces: false, spaces })
  const listed = async () => Object.keys((await introspect(token))['latchkey:spaces']).sort()
  expect(await listed()).toEqual([one, two, three].sort())
  await change('deleteSpace', 'deletedId', { id: two })
  expect(await listed()).toEqual([one, three].sort())
  await change('updateApiKey', 'apiKey { id }', { id: key.id, spaces: [{ spaceId: one }] })
  expect(await listed()).toEqual([one])
  await change('updateApiKey', 'apiKey { id }', { id: key.id, permissions: ['agents:read'] })
  expect((await introspect(token))['latchkey:spaces']).toEqual({ [one]: ['agents:read'] })
  expect((await introspect(token)).scope).toBe('agents:read')
})
