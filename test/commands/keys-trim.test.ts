import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ageKeys, recordedFor } from '../jobs/used-rights.ts'
import { directly } from '../modules/api-key/ask.ts'
import { gate } from '../modules/credential/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { eventsOf, operator, operatorIn } from './operator.ts'

let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let command: ReturnType<typeof operatorIn>
let spaces: string[]

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  command = operatorIn(world, workspace)
  await recordedFor(world, 100)
  spaces = []
  for (const name of ['A', 'B', 'C']) spaces.push(await make.space({ name }))
})

const all = () => spaces.map((spaceId) => ({ spaceId }))
const use = (secret: string, permissions: string[], spaceIds: string[] = []) =>
  gate(world, workspace.secret, { secret, permissions, spaceIds })
const trim = async (id: string, ...options: string[]): Promise<any> => {
  const keys = await command('keys', 'trim', '--days', '30', ...options)
  return keys.find(({ apiKey }: any) => apiKey.id === id)
}
const termsOf = async (id: string) =>
  (
    await world.gql(
      workspace.secret,
      `{ apiKey(id: "${id}") { permissions allSpaces spaces { spaceId permissions } } }`,
    )
  ).data.apiKey

const [a, b, c] = [() => spaces[0] ?? '', () => spaces[1] ?? '', () => spaces[2] ?? '']

test('it lists what could be taken, and takes it with --apply alone, as an update in the audit', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:*', 'sessions:read', 'keys:rotate'],
    spaces: [
      { spaceId: a() },
      { spaceId: b(), permissions: ['agents:read', 'agents:create', 'agents:run'] },
      { spaceId: c() },
    ],
  })
  await ageKeys(world, 31)
  await use(key.secret, ['agents:run'], [a()])
  await use(key.secret, ['agents:read'], [b()])
  const found = {
    unusedPermissions: [
      ...['agents:create', 'agents:update', 'agents:delete', 'sessions:read', 'keys:rotate'],
    ],
    unusedSpaceIds: [c()],
    unusedOfScopes: [],
    kept: null,
    spacesKept: null,
    error: null,
  }
  const before = await termsOf(key.id)
  const events = (await eventsOf(world, workspace)).length
  expect(await trim(key.id)).toMatchObject({ ...found, trimmed: false })
  expect(await termsOf(key.id)).toEqual(before)
  expect(await trim(key.id, '--apply')).toMatchObject({ ...found, trimmed: true })
  expect(await termsOf(key.id)).toEqual({
    permissions: ['agents:read', 'agents:run'],
    allSpaces: false,
    spaces: [
      { spaceId: a(), permissions: null },
      { spaceId: b(), permissions: ['agents:read', 'agents:run'] },
    ],
  })
  expect((await eventsOf(world, workspace)).slice(events)).toEqual([
    {
      action: 'api_key.updated',
      actor: [null, null, 'operator'],
      targetId: key.id,
      fields: ['permissions', 'spaces'],
    },
  ])
  expect(await trim(key.id, '--apply')).toMatchObject({ unusedPermissions: [], trimmed: false })
  expect(await eventsOf(world, workspace)).toHaveLength(events + 1)
})

test.each<[string, object, (secret: string) => Promise<unknown>, object]>([
  ['an unused key', { permissions: ['agents:*'] }, (secret) => use(secret, []), { kept: 'UNUSED' }],
  [
    'a key that knows others by its spaces',
    { permissions: ['agents:read', 'keys:read'] },
    (secret) => world.gql(secret, '{ apiKeys { nodes { id } } }'),
    { unusedPermissions: ['agents:read'], spacesKept: 'DEALS_WITH_KEYS' },
  ],
  [
    'per-space permissions that were asked for without a space',
    { permissions: ['agents:read', 'workspace:read'] },
    (secret) => use(secret, ['agents:read']),
    { unusedPermissions: ['workspace:read'], spacesKept: 'NO_SPACE_USED' },
  ],
  [
    'a key of workspace permissions alone',
    { permissions: ['agents:read', 'workspace:read'] },
    (secret) => world.gql(secret, '{ workspace { name } }'),
    { unusedPermissions: ['agents:read'], spacesKept: null, unusedSpaceIds: 'all' },
  ],
  [
    'a key for all spaces',
    { permissions: ['agents:*', 'audit:read', 'scopes:read'], spaces: undefined, allSpaces: true },
    (secret) => use(secret, ['agents:*', 'audit:read'], [a()]),
    { spacesKept: 'ALL_SPACES', unusedSpaceIds: [] },
  ],
])('%s', async (_name, input, usage, expected) => {
  const key = await make.key({ name: 'K', spaces: all(), ...input })
  await ageKeys(world, 31)
  await usage(key.secret)
  const trimmed = await trim(key.id, '--apply')
  const wanted = Object.entries(expected).map(([field, value]) => [
    field,
    value === 'all' ? spaces : value,
  ])
  expect(trimmed).toMatchObject(Object.fromEntries(wanted))
  const { permissions, allSpaces } = await termsOf(key.id)
  expect(permissions.length).toBeGreaterThan(0)
  expect(allSpaces).toBe('allSpaces' in input)
})

test('a key that used nothing of what it holds now is not left with nothing', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:read', 'scopes:read'],
    spaces: all(),
  })
  await use(key.secret, ['agents:read'], [a()])
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: key.id }, data: { permissions: ['scopes:read'] } }),
  )
  await ageKeys(world, 31)
  expect(await trim(key.id, '--apply')).toMatchObject({
    kept: 'UNUSED',
    unusedPermissions: ['scopes:read'],
    trimmed: false,
  })
})

test('scopes stay as they are, and what stays by them is shown', async () => {
  const scope = await make.scope({ name: 'S', permissions: ['agents:read', 'agents:delete'] })
  const key = await make.key({
    name: 'K',
    permissions: ['agents:*', 'scopes:read'],
    scopeIds: [scope],
    spaces: all(),
  })
  await ageKeys(world, 31)
  await use(key.secret, ['agents:run'], spaces)
  expect(await trim(key.id, '--apply')).toMatchObject({
    unusedPermissions: ['agents:create', 'agents:update', 'agents:delete', 'scopes:read'],
    unusedOfScopes: ['agents:delete'],
    trimmed: true,
  })
  const { permissions, ...rest } = (await termsOf(key.id)) ?? {}
  expect(permissions).toEqual(['agents:read', 'agents:run'])
  expect(rest.spaces).toHaveLength(3)
  const { data } = await world.gql(
    workspace.secret,
    `{ scope(id: "${scope}") { permissions keyCount } }`,
  )
  expect(data.scope).toEqual({ permissions: ['agents:read', 'agents:delete'], keyCount: 1 })
})

test('what a key was given within the days is not taken, nor anything of a new key', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:read', 'agents:run'],
    spaces: [{ spaceId: a() }],
  })
  await ageKeys(world, 31)
  const young = await make.key({ name: 'young', permissions: ['agents:*'], spaces: all() })
  await use(key.secret, ['agents:read'], [a()])
  await use(young.secret, ['agents:read'], [a()])
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    permissions: [
      'agents:read',
      'agents:run',
      'documents:upload',
      'documents:read',
      'sessions:read',
    ],
    spaces: [{ spaceId: a() }, { spaceId: b() }],
  })
  const keys = await command('keys', 'trim', '--days', '30', '--apply')
  const of = (id: string) => keys.find(({ apiKey }: any) => apiKey.id === id)
  expect(of(key.id)).toMatchObject({
    unusedPermissions: ['agents:run'],
    unusedSpaceIds: [],
    recentPermissions: ['sessions:read', 'documents:read', 'documents:upload'],
    recentSpaceIds: [b()],
    trimmed: true,
  })
  expect(of(young.id)).toMatchObject({ kept: 'NEW', trimmed: false })
  expect((await termsOf(young.id)).permissions).toEqual(['agents:*'])
})

test('nothing is taken before use has been recorded for as long', async () => {
  const key = await make.key({ name: 'K', permissions: ['agents:*'], spaces: all() })
  await ageKeys(world, 40)
  await recordedFor(world, 29)
  await use(key.secret, ['agents:read'], [a()])
  expect(await trim(key.id, '--apply')).toMatchObject({ kept: 'NOT_RECORDED', trimmed: false })
  const [trimmed] = await command('keys', 'trim', '--days', '29', '--apply')
  expect(trimmed).toMatchObject({ apiKey: { id: key.id }, trimmed: true })
})

test('one key that cannot be trimmed does not stop the others, and is shown', async () => {
  const names = ['first', 'second'].map((name) =>
    make.key({ name, permissions: ['agents:*'], spaces: all() }),
  )
  const [first, second] = [await names[0], await names[1]]
  if (!first || !second) throw new Error('there are two keys')
  await ageKeys(world, 31)
  for (const { secret } of [first, second]) await use(secret, ['agents:read'], [a()])
  const { prisma, ...deps } = world.deps
  const changing = {
    ...deps,
    prisma,
    usage: {
      ...deps.usage,
      // A change of the first key comes between the list and its turn.
      flush: async () => {
        await deps.usage.flush()
        await prisma.apiKey.updateMany({ where: { id: first.id }, data: { updatedAt: new Date() } })
      },
    },
  }
  const trimming = operator({ deps: changing })(
    'keys',
    'trim',
    '--apply',
    '--workspace',
    workspace.slug,
  )
  await expect(trimming).rejects.toThrow(
    /^1 key could not be trimmed\n[\s\S]*changed meanwhile[\s\S]*1 key trimmed\.$/,
  )
  expect((await termsOf(first.id)).permissions).toEqual(['agents:*'])
  expect((await termsOf(second.id)).permissions).toEqual(['agents:read'])
})

test.each([['0'], ['91'], ['-1'], ['x'], ['1.5']])('--days %s is refused', async (days) => {
  await expect(command('keys', 'trim', `--days=${days}`)).rejects.toThrow(
    `--days is "${days}"; expected`,
  )
})

test('as text: each key with what there is to say, and how to do it', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:read', 'agents:run'],
    spaces: all(),
  })
  await ageKeys(world, 31)
  await use(key.secret, ['agents:read'], [a(), b()])
  const run = (...more: string[]) =>
    operator(world)('keys', 'trim', '--workspace', workspace.slug, ...more)
  const said = (verb: string) =>
    `${key.id} K\n  ${verb} permissions: agents:run\n  ${verb} spaces: ${c()}\n`
  const text = await run()
  expect(text).toContain(said('unused'))
  expect(text.split('\n').at(-1)).toBe('1 key can be trimmed; --apply does it.')
  expect(await run('--apply')).toContain(said('taken'))
})

test('what a key was given within the days by a wider grant of a space is not taken', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:read', 'agents:run', 'agents:delete', 'scopes:read'],
    spaces: [{ spaceId: a(), permissions: ['agents:read', 'agents:delete'] }],
  })
  await ageKeys(world, 31)
  await use(key.secret, ['agents:read'], [a()])
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    spaces: [{ spaceId: a(), permissions: ['agents:read', 'agents:delete', 'agents:run'] }],
  })
  expect(await trim(key.id, '--apply')).toMatchObject({
    unusedPermissions: ['agents:delete', 'scopes:read'],
    recentPermissions: ['agents:run'],
  })
  expect(await termsOf(key.id)).toMatchObject({ permissions: ['agents:read', 'agents:run'] })
})
