import { expect, inject, test } from 'vitest'
import { send } from '../../oauth/ask.ts'
import { serverBeside } from '../../postgres/replica/servers.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt } from '../api-key/ask.ts'
import { gate, verify } from '../credential/ask.ts'
import { inSeconds, mint, rewrite, rotate, stored, verdict } from './ask.ts'

const postgres = inject('postgres')

useWorkspace()

let count = 0
const makeKey = () =>
  seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['agents:read'],
    spaces: [],
  })

const replace = async (id: string, overlapSeconds: number): Promise<any> => {
  const selection = 'secret apiKey { previousSecretExpiresAt }'
  return await done(world, workspace.secret, 'rotateApiKey', selection, { id, overlapSeconds })
}

const introspect = async (token: string) => {
  const client = { id: workspace.keyId, secret: workspace.secret }
  return (await send(world, '/oauth/introspect', { token }, { client })).body
}

/** What each door says of a token, and the list. */
async function everywhere({ id, token }: { readonly id: string; readonly token: string }) {
  const query = `query ($id: ID!) { accessToken(id: $id) { status apiKey {
    accessTokens { nodes { id status } } } } }`
  const { data } = await world.gql(workspace.secret, query, { id })
  return {
    api: await verdict(world, token),
    verifyApiKey: (await verify(world, workspace.secret, { secret: token })).code,
    verify: (await gate(world, workspace.secret, { secret: token })).status,
    isActive: (await introspect(token)).active,
    status: data.accessToken.status,
    listed: data.accessToken.apiKey.accessTokens.nodes.find((node: any) => node.id === id).status,
  }
}

const live = {
  api: 'ACCEPTED',
  verifyApiKey: 'VALID',
  verify: 204,
  isActive: true,
  status: 'ACTIVE',
  listed: 'ACTIVE',
}
const over = {
  api: '401 EXPIRED',
  verifyApiKey: 'EXPIRED',
  verify: 401,
  isActive: false,
  status: 'EXPIRED',
  listed: 'EXPIRED',
}

test('createAccessToken: the token ends with the secret that minted it, and so do its successors', async () => {
  const key = await makeKey()
  const first = await mint(world, key.secret)
  const tokens = [await rotate(world, first.token), await mint(world, key.secret)]
  for (const token of tokens) expect(await everywhere(token)).toEqual(live)
  const { secret } = await replace(key.id, 0)
  for (const token of tokens) expect(await everywhere(token)).toEqual(over)
  expect(await everywhere(await mint(world, secret))).toEqual(live)
  expect(await attempt(world, tokens[0]?.token ?? '', 'rotateAccessToken', {})).toMatchObject({
    codes: ['EXPIRED'],
  })
})

test('createAccessToken: where the secret is given an end later, the token has it too', async () => {
  const key = await makeKey()
  const token = await mint(world, key.secret)
  const { apiKey } = await replace(key.id, 60)
  const end = new Date(apiKey.previousSecretExpiresAt).getTime()
  expect(await everywhere(token)).toEqual(live)
  expect((await introspect(token.token)).exp).toBe(Math.floor(end / 1_000))
  const beyond = await attempt(world, token.token, 'rotateAccessToken', { expiresInSeconds: 120 })
  expect([beyond.codes, beyond.paths]).toEqual([
    ['EXPIRY_NOT_ALLOWED'],
    [['input', 'expiresInSeconds']],
  ])
  const successor = await rotate(world, token.token)
  expect((await stored(world, successor)).expiresAt.getTime()).toBeLessThanOrEqual(end)
})

// What nobody can go on with has nothing to protect.
test('rotateAccessToken: of a family whose secret has ended no reuse is detected', async () => {
  const key = await makeKey()
  const token = await mint(world, key.secret)
  await rotate(world, token.token)
  await rewrite(world, workspace.id, [token], { rotatedAt: inSeconds(-60) })
  await replace(key.id, 0)
  const { codes } = await attempt(world, token.token, 'rotateAccessToken', {})
  expect(codes).toEqual(['EXPIRED'])
  const reuse = { workspaceId: workspace.id, action: 'access_token.reuse_detected' }
  expect(await world.deps.prisma.auditEvent.count({ where: reuse })).toBe(0)
})

test('createAccessToken: tokens of an ended secret do not count for the limit, nor as revoked', async () => {
  const key = await makeKey()
  const { narrowings, ...row } = await stored(world, await mint(world, key.secret))
  await world.deps.prisma.accessToken.createMany({
    data: Array.from({ length: 99 }, (_, index) => {
      const id = `${row.id.slice(0, -3)}${String(index).padStart(3, '0')}`
      return { ...row, narrowings: {}, id, familyId: id }
    }),
  })
  const full = await attempt(world, key.secret, 'createAccessToken', {})
  expect(full.codes).toEqual(['LIMIT_REACHED'])
  const { secret } = await replace(key.id, 0)
  await mint(world, secret)
  const { revokedCount } = await done(
    world,
    workspace.secret,
    'revokeAccessTokens',
    'revokedCount',
    { apiKeyId: key.id },
  )
  expect(revokedCount).toBe(1)
})

// Those that were minted before it was kept what minted them.
test('rotateAccessToken: a token of which no secret is known lives until it expires', async () => {
  const key = await makeKey()
  const token = await mint(world, key.secret)
  await rewrite(world, workspace.id, [token], { secretId: null })
  await replace(key.id, 0)
  const successor = await rotate(world, token.token)
  expect(await everywhere(successor)).toEqual(live)
})

// One lock decides: what is minted first ends with the answer, what comes later is refused.
test('createAccessToken: racing with a rotation without overlap, nothing of the old secret works on', async () => {
  for (let round = 0; round < 3; round += 1) {
    const key = await makeKey()
    expect(await verdict(world, key.secret)).toBe('ACCEPTED')
    const [rotation, ...minted] = await Promise.all([
      attempt(world, workspace.secret, 'rotateApiKey', { id: key.id, overlapSeconds: 0 }),
      ...Array.from({ length: 5 }, () =>
        attempt(world, key.secret, 'createAccessToken', {}, 'token'),
      ),
    ])
    expect(rotation.codes).toEqual([])
    for (const { codes, payload } of minted)
      if (codes.length === 0) expect(await verdict(world, payload.token)).toBe('401 EXPIRED')
      else expect(codes).toEqual(['ROTATED'])
  }
})

if (postgres)
  test('rotateApiKey: another server refuses the token of an ended secret as soon as it is answered', async () => {
    const beside = await serverBeside(world)
    const front = { ...world, gql: beside.gql }
    for (let round = 0; round < 5; round += 1) {
      const key = await makeKey()
      const { token } = await mint(world, key.secret)
      expect(await verdict(front, token)).toBe('ACCEPTED')
      await replace(key.id, 0)
      expect(await verdict(front, token)).toBe('401 EXPIRED')
    }
  })
