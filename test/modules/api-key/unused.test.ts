import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ageKeys, recordedFor } from '../../jobs/used-rights.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let spaces: string[]

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  spaces = []
  for (const name of ['A', 'B', 'C']) spaces.push(await make.space({ name }))
})

const fields = 'unusedPermissions unusedSpaces { name }'

async function unused(id: string, { by = workspace.secret, days = '' } = {}): Promise<any> {
  await world.deps.usage.flush()
  const selection = days ? fields.replaceAll(/(unused\w+)/g, `$1(days: ${days})`) : fields
  const answer = await world.gql(by, `{ apiKey(id: "${id}") { ${selection} } }`)
  return { ...answer.data?.apiKey, errors: answer.errors.map(({ extensions }) => extensions) }
}

const named = (...names: string[]) => names.map((name) => ({ name }))

test('aliases count by what they cover, a requirement as used with what requires it', async () => {
  const scope = await make.scope({
    name: 'S',
    permissions: ['documents:*', 'sessions:read', 'agents:read'],
  })
  const grants = spaces.map((spaceId) => ({ spaceId }))
  const key = await make.key({
    name: 'K',
    permissions: ['*:read', 'agents:*', 'keys:rotate'],
    scopeIds: [scope],
    spaces: grants,
  })
  const verify = (permissions: string[], spaceIds: string[]) =>
    done(world, workspace.secret, 'verifyApiKey', 'code', {
      secret: key.secret,
      permissions,
      spaceIds,
    })
  await verify(['documents:upload'], [spaces[1] ?? ''])
  expect(await unused(key.id)).toEqual({
    // documents:upload requires documents:read and sessions:read, and that agents:read.
    unusedPermissions: [
      ...['workspace:read', 'spaces:read', 'agents:create', 'agents:update', 'agents:delete'],
      ...['agents:run', 'documents:delete', 'keys:rotate'],
    ],
    unusedSpaces: expect.arrayContaining(named('A', 'C')),
    errors: [],
  })
  await verify(['agents:*', 'documents:*', 'keys:rotate', '*:read'], spaces)
  expect(await unused(key.id)).toEqual({ unusedPermissions: [], unusedSpaces: [], errors: [] })
})

test('of what the key can do now: its owner’s live role cuts it, all spaces are all that there are', async () => {
  const machine = await make.machine({ name: 'M', role: 'MEMBER', spaceIds: [spaces[0]] })
  const input = { permissions: ['*'], allSpaces: true }
  const owned = await make.key({ name: 'owned', ownerId: machine.userId, ...input })
  const { data } = await world.gql(
    workspace.secret,
    `{ apiKey(id: "${owned.id}") { effectivePermissions } }`,
  )
  expect(await unused(owned.id)).toEqual({
    unusedPermissions: data.apiKey.effectivePermissions,
    unusedSpaces: named('A'),
    errors: [],
  })
  const all = await make.key({ name: 'all', ...input })
  await world.gql(all.secret, `{ space(id: "${spaces[1]}") { name } }`)
  const { unusedPermissions, unusedSpaces } = await unused(all.id)
  expect(unusedPermissions).toHaveLength(34)
  expect(new Set(unusedSpaces)).toEqual(new Set(named('A', 'C')))
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaces[2] })
  expect((await unused(all.id)).unusedSpaces).toEqual(named('A'))
})

test('who sees the key sees it, with those of the spaces that they see; asking is no use', async () => {
  const terms = { permissions: ['spaces:read', 'agents:read'] }
  const key = await make.key({
    name: 'K',
    ...terms,
    spaces: [{ spaceId: spaces[0] }, { spaceId: spaces[1] }],
  })
  const partly = await make.key({
    name: 'partly',
    permissions: ['keys:read', 'spaces:read'],
    spaces: [
      { spaceId: spaces[0], permissions: ['spaces:read'] },
      { spaceId: spaces[1], permissions: [] },
    ],
  })
  expect((await unused(key.id, { by: partly.secret })).unusedSpaces).toEqual(named('A'))
  const blind = await make.key({
    name: 'blind',
    permissions: ['keys:read'],
    spaces: [{ spaceId: spaces[0] }, { spaceId: spaces[1] }],
  })
  expect(await unused(key.id, { by: blind.secret })).toEqual({
    unusedPermissions: ['spaces:read', 'agents:read'],
    unusedSpaces: null,
    errors: [expect.objectContaining({ code: 'FORBIDDEN', missingPermissions: ['spaces:read'] })],
  })
  const own = () => world.gql(key.secret, `{ viewer { apiKey { ${fields} } } }`)
  const ask = async () => {
    await own()
    await world.deps.usage.flush()
    return (await own()).data.viewer.apiKey
  }
  expect(await ask()).toEqual({
    unusedPermissions: ['agents:read'],
    unusedSpaces: expect.arrayContaining(named('A', 'B')),
  })
})

test.each(['0', '-1', '91', '2147483647'])('days: %s is refused by its name', async (days) => {
  const { errors } = await unused(workspace.keyId, { days })
  expect(errors).toEqual(
    Array(2).fill(expect.objectContaining({ code: 'BAD_USER_INPUT', path: ['days'] })),
  )
})

test('the last days count, of each the whole; null where use has not been recorded for so long', async () => {
  const key = await make.key({
    name: 'K',
    permissions: ['agents:read', 'keys:rotate'],
    spaces: [{ spaceId: spaces[0] }],
  })
  const { id: workspaceId } = workspace
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000)
  const its = { workspaceId, keyId: key.id }
  await world.deps.prisma.apiKeyPermissionUsage.createMany({
    data: [
      { ...its, permission: 'agents:read', lastUsedOn: ago(7) },
      { ...its, permission: 'keys:rotate', lastUsedOn: ago(60) },
    ],
  })
  const all = ['agents:read', 'keys:rotate']
  const expected: [string, string[]][] = [
    ['1', all],
    ['6', all],
    ['7', ['keys:rotate']],
    ['30', ['keys:rotate']],
    ['null', ['keys:rotate']],
    ['60', []],
    ['90', []],
  ]
  for (const [days, names] of expected)
    expect((await unused(key.id, { days })).unusedPermissions, days).toEqual(names)
  await ageKeys(world, 30)
  await recordedFor(world, 20)
  expect(await unused(key.id, { days: '21' })).toEqual({
    unusedPermissions: null,
    unusedSpaces: null,
    errors: [],
  })
  expect((await unused(key.id, { days: '20' })).unusedPermissions).toEqual(['keys:rotate'])
})
