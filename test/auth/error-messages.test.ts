import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { directly } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { insertKey } from './insert-key.ts'

let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let a = ''
let b = ''

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  a = await make.space({ name: 'A' })
  b = await make.space({ name: 'B' })
})

/** The errors of a mutation, as `CODE path: message`. */
async function errorsOf(secret: string, mutation: string, input: object): Promise<string[]> {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const results = mutation === 'importLegacyKeys' ? 'results { errors { code message path } }' : ''
  const query = `mutation ($input: ${type}!) {
    ${mutation}(input: $input) { ${results} errors { code message path } } }`
  const { data, errors } = await world.gql(secret, query, { input })
  const payload = data?.[mutation] ?? { errors: [] }
  const its = [...payload.errors, ...(payload.results ?? []).flatMap((it: any) => it.errors)]
  return [
    ...errors.map(({ message, extensions }) => `${extensions.code}: ${message}`),
    ...its.map(
      ({ code, path, message }: any) => `${code} ${path?.slice(1).join('.') ?? ''}: ${message}`,
    ),
  ]
}

const inA = () => [{ spaceId: a }]
const inB = () => [{ spaceId: b }]

/** A key that reads keys, and sees those of space A. */
const readerIn = (permissions: readonly string[], more: object = {}) =>
  make.key({ name: 'reader', permissions: ['keys:read', ...permissions], spaces: inA(), ...more })

// Names of those that the caller sees and reads; of others not even how many there are.
test('deleteScope, updateScope: keys that the caller does not see are neither named nor counted', async () => {
  const scope = await make.scope({ name: 'Agents', permissions: ['agents:read'] })
  const scopes = ['scopes:*', 'agents:read', 'agents:run']
  const sees = await readerIn(scopes)
  const blind = await make.key({ name: 'blind', permissions: scopes, allSpaces: true })
  const linked = { permissions: ['agents:run'], scopeIds: [scope] }
  for (const name of ['h1', 'h2', 'h3']) await make.key({ name, ...linked, spaces: inB() })
  const attempts = (secret: string) =>
    Promise.all([
      errorsOf(secret, 'deleteScope', { id: scope }),
      errorsOf(secret, 'updateScope', { id: scope, permissions: ['spaces:read'] }),
      errorsOf(secret, 'updateScope', { id: scope, permissions: ['agents:read', 'agents:run'] }),
    ])
  const nothing = [
    ['IN_USE id: API keys link to this scope.'],
    ['PERMISSION_NOT_GRANTABLE permissions.0: You do not hold spaces:read.'],
    [],
  ]
  expect((await attempts(sees.secret))[0]).toEqual(nothing[0])
  expect((await attempts(blind.secret))[0]).toEqual(nothing[0])
  for (const name of ['s1', 's2']) await make.key({ name, ...linked, spaces: inA() })
  expect(await errorsOf(sees.secret, 'deleteScope', { id: scope })).toEqual([
    'IN_USE id: API keys link to this scope: "s1", "s2".',
  ])
  expect(await errorsOf(blind.secret, 'deleteScope', { id: scope })).toEqual(nothing[0])
  expect(await errorsOf(sees.secret, 'updateScope', { id: scope, permissions: [] })).toEqual([
    'IN_USE permissions: API keys need what this takes away: "s1", "s2".',
  ])
  expect(await errorsOf(blind.secret, 'updateScope', { id: scope, permissions: [] })).toEqual([
    'IN_USE permissions: API keys need what this takes away.',
  ])
})

test('updateScope: keys out of reach that would become too strong are not counted', async () => {
  const scope = await make.scope({ name: 'Agents', permissions: ['agents:read'] })
  const author = await readerIn(['scopes:*', 'agents:read', 'agents:run'])
  for (const name of ['h1', 'h2']) await make.key({ name, scopeIds: [scope], spaces: inB() })
  const widened = { id: scope, permissions: ['agents:read', 'agents:run'] }
  expect(await errorsOf(author.secret, 'updateScope', widened)).toEqual([
    'PERMISSION_NOT_GRANTABLE permissions: API keys would become more than you may grant.',
  ])
})

test('updateWorkspace: keys that would live longer, or again, are not counted', async () => {
  const policy = await make.key({
    name: 'policy',
    permissions: ['workspace:*'],
    allSpaces: true,
  })
  for (const name of ['one', 'two']) await make.key({ name, permissions: ['*'], allSpaces: true })
  const lifetime = (days: number | null) => ({ maxKeyLifetimeDays: days })
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', lifetime(30))
  const told = await errorsOf(policy.secret, 'updateWorkspace', lifetime(60))
  expect(told).toEqual([
    'PERMISSION_NOT_GRANTABLE maxKeyLifetimeDays: API keys would live longer than you may grant.',
  ])
})

test('the plan tells no numbers of keys to who makes or revives them', async () => {
  const { id: workspaceId } = workspace
  const old = ['one', 'two'].map((name) => make.key({ name, permissions: ['keys:read'] }))
  const ids = (await Promise.all(old)).map(({ id }) => id)
  const set = (data: object, createdAt: Date) =>
    directly(world, workspaceId, async (prisma) => {
      await prisma.apiKey.updateMany({ where: { id: { in: ids } }, data: { createdAt } })
      await prisma.workspace.update({ where: { id: workspaceId }, data })
    })
  const longAgo = new Date(Date.now() - 10 * 86_400_000)
  await set({ maxKeyLifetimeDays: 5, enterpriseKeyLimit: 2 }, longAgo)
  await make.key({ name: 'three' })
  const full = 'The plan allows no more live keys.'
  expect(await errorsOf(workspace.secret, 'createApiKey', { name: 'four' })).toEqual([
    `LIMIT_REACHED : ${full}`,
  ])
  const lifetime = { maxKeyLifetimeDays: null }
  expect(await errorsOf(workspace.secret, 'updateWorkspace', lifetime)).toEqual([
    `LIMIT_REACHED maxKeyLifetimeDays: ${full}`,
  ])
})

// Names are unique among all keys of an owner, so that a taken one is a fact; whose it is, is not.
test('a key name that a hidden key has is INVALID, and a visible one’s is NAME_TAKEN', async () => {
  const robot = await make.machine({ name: 'robot', role: 'BUILDER', spaceIds: [a, b] })
  const robots = { ownerId: robot.userId }
  await make.key({ name: 'Visible', ...robots, spaces: inA() })
  await make.key({ name: 'Hidden', ...robots, spaces: inB() })
  const all = ['keys:*', 'members:read']
  const caller = await readerIn(all)
  const given = async (name: string) => (await make.key({ name, spaces: inA() })).id
  const mine = await make.key({ name: 'Mine', ...robots, spaces: inA() })
  const imported = (name: string) => ({
    keys: [{ name, value: randomBytes(24).toString('hex'), encoding: 'PLAINTEXT', ...robots }],
  })
  const attempts = async (name: string) => [
    await errorsOf(caller.secret, 'createApiKey', { name, ...robots }),
    await errorsOf(caller.secret, 'updateApiKey', { id: mine.id, name }),
    await errorsOf(caller.secret, 'transferApiKey', { id: await given(name), ...robots }),
    await errorsOf(caller.secret, 'importLegacyKeys', imported(name)),
  ]
  const at = ['name', 'name', 'ownerId', 'keys.0.name']
  expect(await attempts('visible')).toEqual(
    at.map((path) => [`NAME_TAKEN ${path}: The owner has a live key of this name.`]),
  )
  const hidden = at.map((path) => [`INVALID ${path}: Choose another name for the key.`])
  expect(await attempts('hidden')).toEqual(hidden)
  // Whoever may not read keys sees none.
  const blind = await insertKey(world, {
    workspaceId: workspace.id,
    ownerId: workspace.ownerId,
    permissions: ['keys:create', 'keys:update', 'members:read'],
  })
  expect(await errorsOf(blind.secret, 'createApiKey', { name: 'visible', ...robots })).toEqual(
    hidden[0],
  )
})

test('createScope, updateScope: without scopes:read a taken name is INVALID', async () => {
  const [, mine] = [await make.scope({ name: 'Taken' }), await make.scope({ name: 'Mine' })]
  const author = await make.key({ name: 'author', permissions: ['scopes:*'] })
  const blind = await insertKey(world, {
    workspaceId: workspace.id,
    ownerId: workspace.ownerId,
    permissions: ['scopes:create'],
  })
  const taken = { name: 'TAKEN' }
  expect(await errorsOf(author.secret, 'createScope', taken)).toEqual([
    'NAME_TAKEN name: A scope of this name exists.',
  ])
  expect(await errorsOf(author.secret, 'updateScope', { id: mine, ...taken })).toEqual([
    'NAME_TAKEN name: A scope of this name exists.',
  ])
  expect(await errorsOf(blind.secret, 'createScope', taken)).toEqual([
    'INVALID name: Choose another name.',
  ])
})

// What a scope holds is read with scopes:read, and not by trying to grant a key that links it.
test('a key that links a scope: what the scope holds is not told to who may not read scopes', async () => {
  const robot = await make.machine({ name: 'robot', role: 'MEMBER', spaceIds: [a, b] })
  const scope = await make.scope({
    name: 'Strong',
    permissions: ['members:read', 'members:create', 'agents:read', 'agents:delete'],
  })
  const linked = { ownerId: robot.userId, scopeIds: [scope], permissions: ['audit:read'] }
  const everywhere = await make.key({ name: 'linked', ...linked, spaces: [...inA(), ...inB()] })
  const permissions = ['keys:*', 'agents:read', 'agents:delete']
  const spaces = [...inA(), { spaceId: b, permissions: ['agents:read'] }]
  const [reads, blind] = [
    await make.key({ name: 'reads', permissions: [...permissions, 'scopes:read'], spaces }),
    await make.key({ name: 'blind', permissions, spaces }),
  ]
  const rotate = (secret: string) => errorsOf(secret, 'rotateApiKey', { id: everywhere.id })
  expect(await rotate(reads.secret)).toEqual([
    'PERMISSION_NOT_GRANTABLE id: You do not hold audit:read.',
    'PERMISSION_NOT_GRANTABLE id: You do not hold members:read.',
    'PERMISSION_NOT_GRANTABLE id: You do not hold members:create.',
    'SPACE_NOT_GRANTABLE id: You do not hold agents:delete in this space.',
  ])
  expect(await rotate(blind.secret)).toEqual([
    'PERMISSION_NOT_GRANTABLE id: You do not hold audit:read.',
    'PERMISSION_NOT_GRANTABLE id: You do not hold all that its scopes hold.',
    'SPACE_NOT_GRANTABLE id: You do not hold all that its scopes hold in this space.',
  ])
})
