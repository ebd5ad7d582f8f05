import { expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { inSeconds, mint, rewrite, rotate, verdict } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  make.key({ name: `key ${++count}`, ...input })

const forbidden = (...path: (string | number)[]) => ({
  path,
  extensions: { code: 'FORBIDDEN', missingPermissions: ['keys:read'] },
})

// The first question of every integrator is who they are, with whatever they hold.
test('a token reads itself and its key without any permission, and nothing that hangs on them', async () => {
  const key = await makeKey()
  const { id, token } = await mint(world, key.secret)
  const { data, errors } = await world.gql(
    token,
    `{ viewer { apiKey { id name accessTokens { nodes { id } } }
      accessToken { id apiKey { id owner { id } } spaces { id } } }
      accessTokens { nodes { id } } accessToken(id: "${id}") { id } }`,
  )
  expect(data).toEqual({
    viewer: {
      apiKey: { id: key.id, name: `key ${count}`, accessTokens: null },
      accessToken: { id, apiKey: { id: key.id, owner: null }, spaces: null },
    },
    accessTokens: null,
    accessToken: null,
  })
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(Array(5).fill('FORBIDDEN'))
  expect(errors.map(({ path }) => path?.join('.')).sort()).toEqual([
    'accessToken',
    'accessTokens',
    'viewer.accessToken.apiKey.owner',
    'viewer.accessToken.spaces',
    'viewer.apiKey.accessTokens',
  ])
})

test("with tokens:read alone a token reads its own key by its token, and no other's", async () => {
  const key = await makeKey({ permissions: ['tokens:read'] })
  const [mine, sibling] = [await mint(world, key.secret), await mint(world, key.secret)]
  const query = `query ($id: ID!) { accessToken(id: $id) { apiKey { id } } }`
  const own = await world.gql(mine.token, query, { id: mine.id })
  expect(own).toMatchObject({ data: { accessToken: { apiKey: { id: key.id } } }, errors: [] })
  for (const [secret, id] of [
    [mine.token, sibling.id],
    [key.secret, mine.id],
  ] as const) {
    const { data, errors } = await world.gql(secret, query, { id })
    expect(data).toEqual({ accessToken: { apiKey: null } })
    expect(errors).toMatchObject([forbidden('accessToken', 'apiKey')])
  }
})

test('what a minting shows asks for its own permission further in', async () => {
  const key = await makeKey()
  const query = `mutation { createAccessToken(input: {}) { token errors { code }
    accessToken { id status apiKey { id } spaces { id } } } }`
  const { data, errors } = await world.gql(key.secret, query)
  expect(data.createAccessToken).toMatchObject({
    token: expect.stringMatching(/^eyJ/),
    errors: [],
    accessToken: { status: 'ACTIVE', apiKey: null, spaces: null },
  })
  expect(errors.map(({ extensions }) => extensions.missingPermissions)).toEqual([
    ['keys:read'],
    ['spaces:read'],
  ])
})

test('the filters of a list give what they name, page by page', async () => {
  const other = await world.createWorkspace()
  const { secret } = other
  const add = async (name: string) => (await seed(world, secret).key({ name })).secret
  const [one, two] = [await add('one'), await add('two')]
  const tokens = {
    rotated: await mint(world, one),
    revoked: await mint(world, one),
    expired: await mint(world, two),
    active: await mint(world, two),
  }
  const successor = await rotate(world, tokens.rotated.token)
  await done(world, tokens.revoked.token, 'revokeAccessToken', '__typename', {})
  await rewrite(world, other.id, [tokens.expired], { expiresAt: inSeconds(-1) })
  const names = new Map(
    Object.entries({ ...tokens, successor }).map(([name, { id }]) => [id, name]),
  )
  const listed = async (filter: object): Promise<string[]> => {
    const query = `query ($filter: AccessTokenFilter, $after: String) {
      accessTokens(first: 2, after: $after, filter: $filter) {
        nodes { id status } pageInfo { hasNextPage endCursor } } }`
    const found: string[] = []
    for (let after: string | null = null, pages = 0; pages < 5; pages += 1) {
      const { data, errors }: any = await world.gql(secret, query, { filter, after })
      expect(errors).toEqual([])
      const { nodes, pageInfo } = data.accessTokens
      found.push(...nodes.map(({ id }: { id: string }) => names.get(id) ?? id))
      if (!pageInfo.hasNextPage) return found
      after = pageInfo.endCursor
    }
    throw new Error('The pages do not end.')
  }
  const all = ['successor', 'active', 'expired', 'revoked', 'rotated']
  const keyIds = await world.deps.prisma.apiKey.findMany({ where: { workspaceId: other.id } })
  const keyId = (name: string) => keyIds.find((key) => key.name === name)?.id
  const of = (...chosen: string[]) => all.filter((name) => chosen.includes(name))
  const cases: [object, string[]][] = [
    [{}, all],
    [{ status: null, apiKeyId: null, ownerId: null }, all],
    [{ status: 'ACTIVE' }, of('successor', 'active')],
    [{ status: 'ROTATED' }, of('rotated')],
    [{ status: 'EXPIRED' }, of('expired')],
    [{ status: 'REVOKED' }, of('revoked')],
    [{ apiKeyId: keyId('one') }, of('successor', 'revoked', 'rotated')],
    [{ apiKeyId: keyId('two'), status: 'ACTIVE' }, of('active')],
    [{ apiKeyId: 'x' }, []],
    [{ ownerId: other.ownerId }, all],
    [{ ownerId: other.ownerMemberId }, []],
  ]
  for (const [filter, expected] of cases)
    expect([filter, await listed(filter)]).toEqual([filter, expected])
})

const usageOf = async (id: string): Promise<any> => {
  await world.deps.usage.flush()
  const query = `query ($id: ID!) { accessToken(id: $id) { lastUsedAt lastUsedIp
    apiKey { lastUsedAt lastUsedIp } } }`
  return (await world.gql(workspace.secret, query, { id })).data.accessToken
}

// Whether an integration still needs its key shows in what its tokens do.
test("a token's use is its own and its key's; a refused one is none", async () => {
  const key = await makeKey()
  const from = (address: string) => ({ address })
  const minting = 'mutation { createAccessToken(input: {}) { accessToken { id } token } }'
  const { data } = await world.gql(key.secret, minting, undefined, from('192.0.2.1'))
  const { accessToken, token } = data.createAccessToken
  const used = { lastUsedAt: expect.stringMatching(/Z$/) }
  expect(await usageOf(accessToken.id)).toEqual({
    lastUsedAt: null,
    lastUsedIp: null,
    apiKey: { ...used, lastUsedIp: '192.0.2.1' },
  })
  await verdict(world, token, from('192.0.2.2'))
  const both = { ...used, lastUsedIp: '192.0.2.2' }
  expect(await usageOf(accessToken.id)).toEqual({ ...both, apiKey: both })

  const successor = await rotate(world, token)
  expect((await usageOf(successor.id)).lastUsedAt).toBeNull()
  const before = await usageOf(accessToken.id)
  expect(await verdict(world, token, from('192.0.2.3'))).toBe('401 ROTATED')
  expect(await outcome(world, token, 'rotateAccessToken', {})).toEqual(['CONFLICT input'])
  expect(await usageOf(accessToken.id)).toEqual(before)
  await verdict(world, successor.token, from('192.0.2.4'))
  expect(await usageOf(successor.id)).toMatchObject({
    lastUsedIp: '192.0.2.4',
    apiKey: { lastUsedIp: '192.0.2.4' },
  })
  expect((await usageOf(accessToken.id)).lastUsedIp).toBe(before.lastUsedIp)
})
