import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { permissionNames } from '../../../src/auth/permissions.ts'
import { publicUrl } from '../../setup/deps.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import { inSeconds, mint, stored, verdict } from './ask.ts'

let spaces: string[]

useWorkspace()
beforeAll(async () => {
  spaces = [
    await make.space({ name: 'A' }),
    await make.space({ name: 'B' }),
    await make.space({ name: 'C' }),
  ]
})

let count = 0
const makeKey = (input: object): Promise<{ id: string; secret: string }> =>
  make.key({ name: `key ${++count}`, ...input })

const spaceAt = (index: number): string => spaces[index] ?? ''

// What an integrator gets who asks for nothing in particular: the key itself, for a quarter of an hour.
test('by default a token is all that its key is, for fifteen minutes and this server', async () => {
  const token = await mint(world, workspace.secret)
  expect(await view(world, token.token)).toEqual(await view(world, workspace.secret))
  const { data } = await world.gql(
    token.token,
    `{ viewer { kind user { id } role apiKey { id } accessToken { id status permissions allSpaces spaceIds
      audience createdAt expiresAt familyExpiresAt predecessorId revokedAt apiKey { id } } } }`,
  )
  const { accessToken, ...viewer } = data.viewer
  expect(viewer).toEqual({
    kind: 'ACCESS_TOKEN',
    user: { id: workspace.ownerId },
    role: 'OWNER',
    apiKey: { id: workspace.keyId },
  })
  expect(accessToken).toMatchObject({
    id: token.id,
    status: 'ACTIVE',
    permissions: [...permissionNames],
    allSpaces: true,
    spaceIds: [],
    audience: [publicUrl],
    predecessorId: null,
    revokedAt: null,
    apiKey: { id: workspace.keyId },
  })
  const at = (name: string): number => Date.parse(accessToken[name])
  expect(Math.ceil((at('expiresAt') - at('createdAt')) / 1_000)).toBe(900)
  expect(token.expiresInSeconds).toBe(900)
  expect(at('familyExpiresAt') - at('createdAt')).toBe(86_400_000)
})

// RFC 9068: any resource server that knows our keys can read what the token may do.
test('its claims say whose it is, until when, and what it may do where', async () => {
  const grants = [
    { spaceId: spaceAt(0) },
    { spaceId: spaceAt(1), permissions: ['agents:read'] },
    { spaceId: spaceAt(2) },
  ]
  const permissions = ['agents:read', 'agents:update', 'members:read']
  const key = await makeKey({ permissions, spaces: grants })
  const { id, token } = await mint(world, key.secret, { spaceIds: spaces.slice(0, 2) })
  const header = decodeProtectedHeader(token)
  expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) })
  const row = await stored(world, { id })
  const claims = decodeJwt(token)
  expect(claims).toEqual({
    iss: publicUrl,
    sub: key.id,
    client_id: key.id,
    aud: [publicUrl],
    jti: id,
    iat: Math.floor(row.createdAt.getTime() / 1_000),
    exp: row.expiresAt.getTime() / 1_000,
    scope: 'members:read agents:read',
    'latchkey:workspace': workspace.id,
    'latchkey:user': workspace.ownerId,
    'latchkey:spaces': {
      [spaceAt(0)]: ['agents:read', 'agents:update'],
      [spaceAt(1)]: ['agents:read'],
    },
  })
  expect(decodeJwt((await mint(world, workspace.secret)).token)).not.toHaveProperty([
    'latchkey:spaces',
  ])
})

test('permissions narrow a token, aliases by what they cover now', async () => {
  const cases: [string[], string[]][] = [
    [[], []],
    [['agents:read'], ['agents:read']],
    [
      ['scopes:*', 'agents:read'],
      ['agents:read', 'scopes:read', 'scopes:create', 'scopes:update', 'scopes:delete'],
    ],
    [
      ['*:read'],
      ['workspace:read', 'spaces:read', 'agents:read', 'sessions:read', 'documents:read'],
    ],
    [['*'], [...permissionNames]],
  ]
  for (const [permissions, expected] of cases) {
    const token = await mint(world, workspace.secret, { permissions })
    const sorted = permissionNames.filter((name) => expected.includes(name))
    expect((await stored(world, token)).permissions).toEqual(sorted)
    expect(await view(world, token.token)).toMatchObject({ permissions: sorted, allSpaces: true })
  }
})

test('spaces narrow a token, each with what its key may do there', async () => {
  const spaceIds = [spaceAt(2), spaceAt(0)]
  const ofAll = await mint(world, workspace.secret, { spaceIds, permissions: ['agents:*'] })
  const agents = permissionNames.filter((name) => name.startsWith('agents:'))
  expect(await view(world, ofAll.token)).toEqual({
    permissions: agents,
    allSpaces: false,
    spaces: { [spaceAt(0)]: agents, [spaceAt(2)]: agents },
  })
  const nowhere = await mint(world, workspace.secret, { spaceIds: [] })
  expect(await view(world, nowhere.token)).toMatchObject({ allSpaces: false, spaces: {} })
  const key = await makeKey({
    permissions: ['agents:read', 'agents:update'],
    spaces: [{ spaceId: spaceAt(0), permissions: ['agents:read'] }, { spaceId: spaceAt(1) }],
  })
  const narrowed = await mint(world, key.secret, { spaceIds: [spaceAt(0)] })
  expect(await view(world, narrowed.token)).toEqual({
    permissions: ['agents:read'],
    allSpaces: false,
    spaces: { [spaceAt(0)]: ['agents:read'] },
  })
})

test('a lifetime is given in whole seconds, from a minute to an hour', async () => {
  for (const expiresInSeconds of [60, 61, 3_599, 3_600]) {
    const token = await mint(world, workspace.secret, { expiresInSeconds })
    expect(token.expiresInSeconds).toBe(expiresInSeconds)
    const { createdAt, expiresAt } = await stored(world, token)
    const lifetime = expiresAt.getTime() - createdAt.getTime()
    expect(expiresAt.getTime() % 1_000).toBe(0)
    expect(lifetime).toBeGreaterThan(expiresInSeconds * 1_000 - 1_000)
    expect(lifetime).toBeLessThanOrEqual(expiresInSeconds * 1_000)
  }
})

// A token that outlives its key would be a key that nobody sees.
test("by default a token ends no later than its key's own expiry or the lifetime policy", async () => {
  const key = await makeKey({ expiresAt: inSeconds(300).toISOString() })
  const own = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  const token = await mint(world, key.secret)
  const { expiresAt } = await stored(world, token)
  const keyEnd = own.expiresAt?.getTime() ?? 0
  expect(expiresAt.getTime()).toBe(Math.floor(keyEnd / 1_000) * 1_000)
  expect(token.expiresInSeconds).toBeLessThanOrEqual(300)

  const other = await world.createWorkspace()
  const young = await seed(world, other.secret).key({ name: 'young' })
  const createdAt = new Date(Date.now() - 86_400_000 + 120_000)
  await world.deps.prisma.apiKey.updateMany({ where: { id: young.id }, data: { createdAt } })
  await done(world, other.secret, 'updateWorkspace', '__typename', { maxKeyLifetimeDays: 1 })
  const cut = await mint(world, young.secret)
  expect(cut.expiresInSeconds).toBeGreaterThan(100)
  expect(cut.expiresInSeconds).toBeLessThanOrEqual(120)
})

// What was minted for another service is of no use here, whoever presents it.
test('a token for others is not accepted here, one for others and us is', async () => {
  const audience = ['https://api.example.com/v1', 'urn:example:reports']
  const elsewhere = await mint(world, workspace.secret, { audience })
  expect(decodeJwt(elsewhere.token).aud).toEqual(audience)
  expect((await stored(world, elsewhere)).audience).toEqual(audience)
  expect(await verdict(world, elsewhere.token)).toBe('401 UNKNOWN')
  const both = await mint(world, workspace.secret, { audience: [...audience, publicUrl] })
  expect(await verdict(world, both.token)).toBe('ACCEPTED')
  const five = Array.from({ length: 5 }, (_, index) => `https://${index}.example.com`)
  expect(decodeJwt((await mint(world, workspace.secret, { audience: five })).token).aud).toEqual(
    five,
  )
})

test('createAccessToken takes an audience below the public address for this API', async () => {
  const audience = [`${publicUrl}/graphql`, publicUrl]
  const token = await mint(world, workspace.secret, { audience })
  expect(decodeJwt(token.token).aud).toEqual([publicUrl])
  expect(await verdict(world, token.token)).toBe('ACCEPTED')
})

// Null says nothing: it is the same as leaving the field out.
test('null is the default', async () => {
  const token = await mint(world, workspace.secret, {
    permissions: null,
    spaceIds: null,
    expiresInSeconds: null,
    audience: null,
  })
  expect(token.expiresInSeconds).toBe(900)
  expect(await view(world, token.token)).toEqual(await view(world, workspace.secret))
})

test('a key without any permission mints a token without any', async () => {
  const key = await makeKey({ permissions: [] })
  const token = await mint(world, key.secret)
  expect(await view(world, token.token)).toEqual({ permissions: [], allSpaces: false, spaces: {} })
})
