import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { PermissionName } from '../../src/auth/permissions.ts'
import { newId } from '../../src/ids.ts'
import { mint } from '../modules/access-token/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'

let other: TestWorkspace
let make: ReturnType<typeof seed>
let space = ''
let robot: { id: string; userId: string }
let scope = ''
let unlinked = ''
let key: { id: string; secret: string }
let legacy = ''
let count = 0

useWorkspace()
beforeAll(async () => {
  other = await world.createWorkspace()
  make = seed(world, workspace.secret)
  space = await make.space({ name: 'space' })
  robot = await make.machine({ name: 'robot', role: 'BUILDER', spaceIds: [space] })
  scope = await make.scope({ name: 'scope', permissions: ['agents:read'] })
  unlinked = await make.scope({ name: 'unlinked', permissions: ['agents:read'] })
  const spaces = [{ spaceId: space }]
  key = await make.key({ name: 'named', ownerId: robot.userId, scopeIds: [scope], spaces })
  await mint(world, key.secret)
  legacy = await importLegacy()
})

async function importLegacy(): Promise<string> {
  const value = randomBytes(24).toString('hex')
  const imported = { name: `l ${++count}`, value, encoding: 'PLAINTEXT', ownerId: robot.userId }
  const { results } = await done(
    world,
    workspace.secret,
    'importLegacyKeys',
    'results { apiKey { id } }',
    { keys: [imported] },
  )
  return results[0].apiKey.id
}

/** A key for everything in all spaces that lacks one permission. */
const keyWithout = (missing: PermissionName) => {
  const all = ['workspace', 'spaces', 'agents', 'sessions', 'documents', 'keys', 'tokens']
  const others = {
    'members:read': ['scopes:*'],
    'scopes:read': ['members:*', 'members:own'],
    'keys:read': ['scopes:*', 'members:*', 'members:own'],
  }
  const permissions = [
    ...all.filter((name) => !missing.startsWith(name)).map((name) => `${name}:*`),
    ...(others[missing as keyof typeof others] ?? []),
  ]
  return make.key({ name: `without ${++count}`, permissions, allSpaces: true })
}

/** Everything that a mutation answers, but for what is different each time. */
async function answer(secret: string, mutation: string, input: object) {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const results = mutation === 'importLegacyKeys' ? 'results { errors { code message path } }' : ''
  const query = `mutation ($input: ${type}!) {
    ${mutation}(input: $input) { ${results} errors { code message path } } }`
  const { status, data, errors } = await world.gql(secret, query, { input })
  return { status, data, codes: errors.map(({ extensions }) => extensions.code) }
}

const errorsOf = async (secret: string, mutation: string, input: object) => {
  const { data, codes } = await answer(secret, mutation, input)
  const payload = data?.[mutation] ?? { errors: [] }
  const errors = [...payload.errors, ...(payload.results ?? []).flatMap((it: any) => it.errors)]
  return [...codes, ...errors.map(({ code, path }: any) => `${code} ${path?.slice(1).join('.')}`)]
}

type Place = readonly [mutation: string, input: (id: string) => object, refused: readonly string[]]

const legacyInput = (ownerId: string) => ({
  name: `k ${++count}`,
  value: randomBytes(24).toString('hex'),
  encoding: 'PLAINTEXT',
  ownerId,
})

const places: Readonly<Record<'scopes:read' | 'members:read' | 'keys:read', readonly Place[]>> = {
  'scopes:read': [
    ['createApiKey', (id) => ({ name: 'n', scopeIds: [id] }), ['NOT_FOUND scopeIds.0']],
    // Whether it brings what agents:run requires is not told either.
    [
      'createApiKey',
      (id) => ({ name: 'n', permissions: ['agents:run'], scopeIds: [id] }),
      ['NOT_FOUND scopeIds.0', 'PERMISSION_DEPENDENCY_MISSING permissions'],
    ],
    ['updateApiKey', (id) => ({ id: key.id, scopeIds: [id] }), ['NOT_FOUND scopeIds.0']],
    ['migrateLegacyKey', (id) => ({ id: legacy, scopeIds: [id] }), ['NOT_FOUND scopeIds.0']],
  ],
  'members:read': [
    ['createApiKey', (id) => ({ name: 'n', ownerId: id }), ['NOT_FOUND ownerId']],
    ['transferApiKey', (id) => ({ id: key.id, ownerId: id }), ['NOT_FOUND ownerId']],
    [
      'importLegacyKeys',
      (id) => ({ keys: [legacyInput(id)], dryRun: true }),
      ['NOT_FOUND keys.0.ownerId'],
    ],
    ['addSpaceMember', (id) => ({ spaceId: space, memberId: id }), ['NOT_FOUND memberId']],
    ['removeSpaceMember', (id) => ({ spaceId: space, memberId: id }), ['NOT_FOUND memberId']],
  ],
  'keys:read': [['revokeAccessTokens', (id) => ({ apiKeyId: id }), ['NOT_FOUND apiKeyId']]],
}

const namedBy = (mutation: string): Readonly<Record<string, string>> => ({
  'one of the workspace': mutation.includes('Member')
    ? robot.id
    : mutation === 'revokeAccessTokens'
      ? key.id
      : robot.userId,
  'one of another workspace': mutation.includes('Member') ? other.ownerMemberId : other.ownerId,
  'one that never was': newId(mutation.includes('Member') ? 'mem' : 'usr'),
})

const scopesNamed = (): Readonly<Record<string, string>> => ({
  'one of the workspace': unlinked,
  'one that never was': newId('scp'),
})

const each = Object.entries(places).flatMap(([missing, its]) =>
  its.map(([mutation, input, refused]) => [mutation, refused, missing, input] as const),
)

test.each(each)(
  '%s: is answered with %j without %s, whatever is named',
  async (mutation, refused, missing, input) => {
    const { secret } = await keyWithout(missing as PermissionName)
    const named = missing === 'scopes:read' ? scopesNamed() : namedBy(mutation)
    const answers: unknown[] = []
    for (const [what, id] of Object.entries(named)) {
      expect([what, await errorsOf(secret, mutation, input(id))]).toEqual([what, refused])
      answers.push(await answer(secret, mutation, input(id)))
    }
    for (const it of answers) expect(it).toEqual(answers[0])
  },
)

test('oneself is named without members:read', async () => {
  const caller = await keyWithout('members:read')
  const own = { name: `own ${++count}`, ownerId: workspace.ownerId }
  expect(await errorsOf(caller.secret, 'createApiKey', own)).toEqual([])
  const keys = [legacyInput(workspace.ownerId)]
  expect(await errorsOf(caller.secret, 'importLegacyKeys', { keys })).toEqual([])
  const self = { spaceId: space, memberId: workspace.ownerMemberId }
  expect(await errorsOf(caller.secret, 'addSpaceMember', self)).toEqual([])
})

test('a key and its tokens are named by the key without keys:read', async () => {
  const own = await make.key({ name: `own ${++count}`, permissions: ['tokens:*'] })
  const input = { apiKeyId: own.id }
  await mint(world, own.secret)
  const { token } = await mint(world, own.secret)
  expect(await errorsOf(token, 'revokeAccessTokens', input)).toEqual([])
  expect(await errorsOf(own.secret, 'revokeAccessTokens', input)).toEqual([])
})

// What it links to stays, and counts for what its permissions require.
test('updateApiKey: without scopes:read the scopes of a key stay or go, and none come', async () => {
  const { secret } = await keyWithout('scopes:read')
  const spaces = [{ spaceId: space }]
  const its = { name: `linked ${++count}`, scopeIds: [scope], spaces, ownerId: robot.userId }
  const { id } = await make.key(its)
  const scopesOf = () => world.deps.prisma.apiKeyScope.count({ where: { keyId: id } })
  const change = (input: object) => errorsOf(secret, 'updateApiKey', { id, ...input })
  expect(await change({ name: `renamed ${++count}`, permissions: ['agents:run'] })).toEqual([])
  expect(await scopesOf()).toBe(1)
  expect(await change({ scopeIds: [scope] })).toEqual([])
  expect(await change({ scopeIds: [scope, unlinked] })).toEqual(['NOT_FOUND scopeIds.1'])
  expect(await change({ permissions: [], scopeIds: [] })).toEqual([])
  expect(await scopesOf()).toBe(0)
})
