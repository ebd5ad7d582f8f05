import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { verdict } from '../modules/api-key/ask.ts'
import { changed } from '../security/forge.ts'
import { otherLines } from '../setup/request-lines.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'
import { type Client, exchange, failure, type OAuthAnswer, send } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (input: object = {}): Promise<Client> =>
  seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['workspace:read'],
    ...input,
  })

const revoke = (client: Client, form: Record<string, string>): Promise<OAuthAnswer> =>
  send(world, '/oauth/revoke', form, { client })

const isAccepted = async (token: string): Promise<boolean> =>
  typeof (await view(world, token)) === 'object'

test('a key ends a token of its own, and nothing else with it', async () => {
  const key = await makeKey()
  const [token, other] = [await exchange(world, key), await exchange(world, key)]
  const { status, headers, text } = await revoke(key, { token, token_type_hint: 'refresh_token' })
  expect({ status, text }).toEqual({ status: 200, text: '' })
  expect(headers.get('cache-control')).toBe('no-store')
  expect(await view(world, token)).toBe('REVOKED')
  expect(await isAccepted(other)).toBe(true)
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  expect((await revoke(key, { token })).status).toBe(200)
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { targetId: decodeJwt(token).jti ?? '', action: 'access_token.revoked' },
  })
  expect(events.map(({ apiKeyId }) => apiKeyId)).toEqual([key.id])
})

test('the client may authenticate in the form as well', async () => {
  const { id, secret } = await makeKey()
  const token = await exchange(world, { id, secret })
  const form = { token, client_id: id, client_secret: secret }
  expect((await send(world, '/oauth/revoke', form)).status).toBe(200)
  expect(await isAccepted(token)).toBe(false)
})

// Not even a key with tokens:delete: this is the client's own door, and admins have another.
test('the token of another key stays, and the answer is the same', async () => {
  const key = await makeKey()
  const token = await exchange(world, key)
  const strong = await makeKey({ permissions: ['*'], allSpaces: true })
  const stranger = await world.createWorkspace()
  for (const client of [strong, { id: stranger.keyId, secret: stranger.secret }]) {
    const { status, text } = await revoke(client, { token })
    expect({ status, text }).toEqual({ status: 200, text: '' })
  }
  expect(await isAccepted(token)).toBe(true)
})

test('what is no token is as good as revoked', async () => {
  const key = await makeKey()
  const token = await exchange(world, key)
  for (const presented of ['nonsense', `${token}x`, key.secret, token.slice(0, -3)]) {
    const { status, text } = await revoke(key, { token: presented })
    expect({ status, text }).toEqual({ status: 200, text: '' })
  }
  expect(await isAccepted(token)).toBe(true)
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

// Signed by us, so that its claims are believed: it is gone from the database, as after a restore.
test('a token of ours that is not there any more is as good as revoked', async () => {
  const plain = await makeKey()
  const strong = await makeKey({ permissions: ['*'], allSpaces: true })
  const { privateKey } = await world.deps.signingKeys.current()
  for (const key of [plain, strong]) {
    const claims = { jti: newId('tok') }
    const gone = await changed(await exchange(world, key), { claims }, privateKey)
    const { status, text } = await revoke(key, { token: gone })
    expect({ status, text }).toEqual({ status: 200, text: '' })
  }
  expect(otherLines(world.logs)).toEqual([])
})

// Whoever replaced it has what it gave.
test('with a replaced token its successor ends, and no other', async () => {
  const key = await makeKey()
  const [token, other] = [await exchange(world, key), await exchange(world, key)]
  const successor = await done(world, token, 'rotateAccessToken', 'token', {})
  expect((await revoke(key, { token })).status).toBe(200)
  expect(await view(world, token)).toBe('REVOKED')
  expect(await view(world, successor.token)).toBe('REVOKED')
  expect(await isAccepted(other)).toBe(true)
})

test('who asks must be a key, and say what to revoke', async () => {
  const key = await makeKey()
  const token = await exchange(world, key)
  expect(failure(await revoke(key, {}))).toBe('400 invalid_request')
  expect(failure(await revoke({ ...key, secret: 'nonsense' }, { token }))).toBe(
    '401 invalid_client',
  )
  expect(failure(await send(world, '/oauth/revoke', { token }))).toBe('401 invalid_client')
  for (const bearer of [key.secret, token])
    expect(failure(await send(world, '/oauth/revoke', { token }, { bearer }))).toBe(
      '401 invalid_client',
    )
  expect(await isAccepted(token)).toBe(true)
})
