import { beforeAll, expect, test } from 'vitest'
import { outcome } from '../setup/outcome.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

let spaces: { a: string; b: string; c: string }

const days = (count: number): string => new Date(Date.now() + count * 86_400_000).toISOString()
let count = 0
const name = (): string => `Key ${++count}`

useWorkspace()
beforeAll(async () => {
  const { space } = seed(world, workspace.secret)
  spaces = {
    a: await space({ name: 'A' }),
    b: await space({ name: 'B' }),
    c: await space({ name: 'C' }),
  }
})

const own = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const create = (secret: string, input: object) =>
  outcome(world, secret, 'createApiKey', { name: name(), ...input })

const manage = ['keys:read', 'keys:create', 'keys:update']

// What is declared must be held, whether it comes in directly, by an alias or by a scope.
test('a key cannot declare a permission that its maker does not hold', async () => {
  const { scope } = seed(world, workspace.secret)
  const readers = await scope({ name: 'Readers', permissions: ['spaces:read'] })
  const writers = await scope({ name: 'Writers', permissions: ['scopes:read', 'scopes:delete'] })
  const { secret } = await own({
    permissions: [...manage, 'spaces:read', 'members:read', 'scopes:read'],
    allSpaces: true,
  })
  const all = { allSpaces: true }
  expect(await create(secret, { permissions: ['keys:read', 'keys:delete'] })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.1',
  ])
  expect(await create(secret, { permissions: ['spaces:read', 'agents:read'], ...all })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.1',
  ])
  for (const alias of ['*', 'members:*', 'keys:*', '*:read'])
    expect([alias, new Set(await create(secret, { permissions: [alias], ...all }))]).toEqual([
      alias,
      new Set(['PERMISSION_NOT_GRANTABLE input.permissions.0']),
    ])
  expect(new Set(await create(secret, { scopeIds: [readers, writers], ...all }))).toEqual(
    new Set(['PERMISSION_NOT_GRANTABLE input.scopeIds.1']),
  )
  expect(await create(secret, { scopeIds: [readers], permissions: manage, ...all })).toEqual([
    'done',
  ])
})

// Rights differ by space: what is held in one is nothing in another.
test('a key cannot act in a space where its maker may do less', async () => {
  const { secret } = await own({
    permissions: [...manage, 'spaces:read', 'agents:*'],
    spaces: [
      { spaceId: spaces.a },
      { spaceId: spaces.b, permissions: ['spaces:read', 'agents:read'] },
    ],
  })
  const permissions = ['spaces:read', 'agents:read', 'agents:delete']
  const both = [{ spaceId: spaces.a }, { spaceId: spaces.b }]
  expect(await create(secret, { permissions, spaces: both })).toEqual([
    'SPACE_NOT_GRANTABLE input.spaces.1.spaceId',
  ])
  const narrowed = [{ spaceId: spaces.a }, { spaceId: spaces.b, permissions: ['agents:read'] }]
  expect(await create(secret, { permissions, spaces: narrowed })).toEqual(['done'])
  expect(await create(secret, { permissions, spaces: [{ spaceId: spaces.a }] })).toEqual(['done'])
  expect(
    await create(secret, {
      permissions: [...permissions, 'sessions:read'],
      spaces: [{ spaceId: spaces.a }],
    }),
  ).toEqual(['PERMISSION_NOT_GRANTABLE input.permissions.3'])
})

// A list, even of every space there is, is not all spaces: others are made tomorrow.
test('only who has all spaces gives all spaces', async () => {
  const { secret } = await own({
    permissions: [...manage, 'spaces:read', 'members:read'],
    spaces: Object.values(spaces).map((spaceId) => ({ spaceId })),
  })
  const { machine } = seed(world, workspace.secret)
  const { userId } = await machine({ name: name(), role: 'ADMIN' })
  const wanted = { permissions: ['spaces:read'], allSpaces: true }
  expect(await create(secret, wanted)).toEqual(['SPACE_NOT_GRANTABLE input.allSpaces'])
  expect(await create(secret, { ...wanted, ownerId: userId })).toEqual([
    'SPACE_NOT_GRANTABLE input.allSpaces',
  ])
})

// A space that is not there and one that is out of reach are told alike.
test('a space out of reach is not found, as one that never was', async () => {
  const other = await world.createWorkspace()
  const foreign = await seed(world, other.secret).space({ name: 'Elsewhere' })
  const { secret } = await own({
    permissions: [...manage, 'spaces:read'],
    spaces: [{ spaceId: spaces.a }],
  })
  const deleted = await seed(world, workspace.secret).space({ name: 'Deleted' })
  await outcome(world, workspace.secret, 'deleteSpace', { id: deleted })
  const absent = [
    spaces.c,
    foreign,
    deleted,
    `spc_${'0'.repeat(26)}`,
    spaces.a.toUpperCase(),
    'x',
    '',
  ]
  for (const spaceId of absent)
    expect(
      await create(secret, {
        permissions: ['spaces:read'],
        spaces: [{ spaceId: spaces.a }, { spaceId }],
      }),
    ).toEqual(['NOT_FOUND input.spaces.1.spaceId'])
})

// The bounds of the calling key bind every key that it makes.
test('expiry, own limit and address rule of the maker bound what it makes', async () => {
  const bounds = { expiresAt: days(2), requestsPerMinute: 100, allowedIps: ['10.1.0.0/16'] }
  const { secret } = await own({ permissions: manage, ...bounds })
  const ask = async (input: object): Promise<string[]> => {
    const query =
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { errors { code path } } }'
    const variables = { input: { name: name(), permissions: ['keys:read'], ...input } }
    const { data } = await world.gql(secret, query, variables, { address: '10.1.2.3' })
    return data.createApiKey.errors.map(
      (error: { code: string; path: string[] }) => `${error.code} ${error.path.join('.')}`,
    )
  }
  const expiry = ['EXPIRY_NOT_ALLOWED input.expiresAt']
  const limit = ['INVALID input.requestsPerMinute']
  expect(await ask(bounds)).toEqual([])
  expect(await ask({ ...bounds, expiresAt: days(1), requestsPerMinute: 0 })).toEqual([])
  expect(await ask({ ...bounds, allowedIps: ['10.1.7.0/24', '10.1.2.3'] })).toEqual([])
  expect(await ask({})).toEqual([...expiry, ...limit, 'INVALID input.allowedIps'])
  expect(await ask({ ...bounds, expiresAt: null })).toEqual(expiry)
  expect(await ask({ ...bounds, expiresAt: days(3) })).toEqual(expiry)
  expect(await ask({ ...bounds, requestsPerMinute: 101 })).toEqual(limit)
  expect(await ask({ ...bounds, requestsPerMinute: null })).toEqual(limit)
  const wider = ['10.0.0.0/8', '10.2.0.0/16', '0.0.0.0/0', '::/0', '::ffff:10.2.0.1']
  for (const block of wider)
    expect(await ask({ ...bounds, allowedIps: ['10.1.2.3', block] })).toEqual([
      'INVALID input.allowedIps.1',
    ])
})

// The owner of a key is never chosen by who makes it, but for machine users.
test('no key is made for another person', async () => {
  const member = await world.gql(
    workspace.secret,
    `mutation { addMember(input: { email: "ann@example.com", role: MEMBER }) { member { user { id } } } }`,
  )
  const ownerId = member.data.addMember.member.user.id
  expect(await create(workspace.secret, { ownerId })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.ownerId',
  ])
  const other = await world.createWorkspace()
  for (const id of [other.ownerId, `usr_${'0'.repeat(26)}`, workspace.ownerMemberId, '', 'x'])
    expect(await create(workspace.secret, { ownerId: id })).toEqual(['NOT_FOUND input.ownerId'])
})

// Null and empty lists say nothing more than that nothing is given.
test('nothing given is nothing held', async () => {
  const empty = [
    {},
    { permissions: [], scopeIds: [], spaces: [] },
    { permissions: null, scopeIds: null, spaces: null, allSpaces: null },
  ]
  for (const input of empty) {
    const { secret } = await own(input)
    const { data } = await world.gql(
      secret,
      '{ viewer { permissions allSpaces spaces { spaceId } } }',
    )
    expect(data.viewer).toEqual({ permissions: [], allSpaces: false, spaces: [] })
    expect(await create(secret, {})).toEqual(['FORBIDDEN keys:create'])
  }
  expect(await create(workspace.secret, { allowedIps: [] })).toEqual(['INVALID input.allowedIps'])
  expect(
    await create(workspace.secret, { allSpaces: true, spaces: [{ spaceId: spaces.a }] }),
  ).toEqual(['INVALID input.spaces'])
})

// All spaces for an owner who has them; a grant narrowed to nothing leaves nothing there.
test('a grant narrowed to nothing gives nothing in its space', async () => {
  const { secret } = await own({
    permissions: [...manage, 'spaces:read', 'agents:read'],
    spaces: [{ spaceId: spaces.a, permissions: [] }, { spaceId: spaces.b }],
  })
  const { data } = await world.gql(
    secret,
    '{ viewer { permissions spaces { spaceId permissions } } spaces { nodes { id } } }',
  )
  expect(data.viewer).toEqual({
    permissions: manage,
    spaces: [
      { spaceId: spaces.a, permissions: [] },
      { spaceId: spaces.b, permissions: ['spaces:read', 'agents:read'] },
    ],
  })
  expect(data.spaces.nodes).toEqual([{ id: spaces.b }])
  expect(
    await create(secret, { permissions: ['spaces:read'], spaces: [{ spaceId: spaces.a }] }),
  ).toEqual(['SPACE_NOT_GRANTABLE input.spaces.0.spaceId'])
})
