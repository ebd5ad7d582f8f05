import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { problemsOf, refusal, storesNothing } from '../../input/nothing-stored.ts'
import { publicUrl } from '../../setup/deps.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { directly } from '../api-key/ask.ts'
import { inSeconds, mint, rewrite, rotate } from './ask.ts'

let reached: string
let unreached: string
let deleted: string
let foreign: string
/** A key for one space, narrowed there. */
let limited: string

useWorkspace()
beforeAll(async () => {
  reached = await make.space({ name: 'reached' })
  unreached = await make.space({ name: 'unreached' })
  deleted = await make.space({ name: 'deleted' })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: deleted })
  const other = await world.createWorkspace()
  foreign = await seed(world, other.secret).space({ name: 'foreign' })
  const { secret } = await make.key({
    name: 'limited',
    permissions: ['agents:read', 'agents:update', 'members:read'],
    spaces: [{ spaceId: reached, permissions: ['agents:read'] }],
  })
  limited = secret
})

const create = (secret: string, input: object): Promise<string[]> =>
  refusal(world, secret, 'createAccessToken', { ...input })

// Dropping what lies beyond the key would leave the caller believing to hold it.
test('what the key does not hold is refused by name, never dropped', async () => {
  const notHeld = 'PERMISSION_NOT_GRANTABLE input.permissions'
  const cases: [string[], string[]][] = [
    [['agents:delete', 'agents:read'], [`${notHeld}.0`]],
    [['agents:read', 'scopes:read'], [`${notHeld}.1`]],
    [['agents:*'], [`${notHeld}.0`]],
    [['*:read'], [`${notHeld}.0`]],
    [['*'], [`${notHeld}.0`]],
    [
      ['members:*', 'members:read', 'keys:read'],
      [`${notHeld}.0`, `${notHeld}.2`],
    ],
  ]
  for (const [permissions, problems] of cases)
    expect([permissions, await create(limited, { permissions })]).toEqual([permissions, problems])
})

// The owner's role cuts the key, and with it what its tokens can be given.
test('what the owner could not do is refused as well', async () => {
  const robot = await make.machine({ name: 'robot', role: 'MEMBER', spaceIds: [reached] })
  const key = await make.key({
    name: 'wide',
    ownerId: robot.userId,
    permissions: ['*'],
    allSpaces: true,
  })
  expect(await create(key.secret, { permissions: ['members:read'] })).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  ])
  expect(await create(key.secret, { spaceIds: [unreached] })).toEqual([
    'NOT_FOUND input.spaceIds.0',
  ])
  await mint(world, key.secret, { permissions: ['agents:run', 'agents:read'], spaceIds: [reached] })
})

test('names that are none, and permissions without what they require', async () => {
  const unknown = 'UNKNOWN_PERMISSION input.permissions'
  const cases: [string[], string[]][] = [
    [['agents:read', 'agents:fly'], [`${unknown}.1`]],
    [
      ['', 'AGENTS:READ'],
      [`${unknown}.0`, `${unknown}.1`],
    ],
    [['agents:read '], [`${unknown}.0`]],
    [['agents:update'], ['PERMISSION_DEPENDENCY_MISSING input.permissions']],
    [['sessions:read'], ['PERMISSION_DEPENDENCY_MISSING input.permissions']],
    [Array(201).fill('agents:fly'), ['INVALID input.permissions']],
    [Array(100_000).fill('*'), ['INVALID input.permissions']],
  ]
  for (const [permissions, problems] of cases)
    expect([permissions[0], await create(workspace.secret, { permissions })]).toEqual([
      permissions[0],
      problems,
    ])
})

test('spaces out of reach, of another workspace, deleted, repeated or never there', async () => {
  const missing = 'NOT_FOUND input.spaceIds'
  const never = newId('spc')
  for (const secret of [workspace.secret, limited])
    for (const id of [foreign, deleted, never, '', 'x', reached.toUpperCase(), newId('agt')])
      expect([id, await create(secret, { spaceIds: [reached, id] })]).toEqual([
        id,
        [`${missing}.1`],
      ])
  expect(await create(limited, { spaceIds: [unreached, reached] })).toEqual([`${missing}.0`])
  expect(await create(workspace.secret, { spaceIds: [reached, unreached, reached] })).toEqual([
    'INVALID input.spaceIds.2',
  ])
  const many = Array.from({ length: 1_001 }, () => never)
  expect(await create(workspace.secret, { spaceIds: many })).toEqual(['INVALID input.spaceIds'])
})

test('a lifetime outside a minute to an hour', async () => {
  for (const expiresInSeconds of [0, -1, -900, 1, 59, 3_601, 86_400, 2_147_483_647, -2_147_483_648])
    expect([expiresInSeconds, await create(workspace.secret, { expiresInSeconds })]).toEqual([
      expiresInSeconds,
      ['INVALID input.expiresInSeconds'],
    ])
  for (const expiresInSeconds of [2 ** 31, 60.5, '60', {}])
    expect(await create(workspace.secret, { expiresInSeconds })).toEqual(['BAD_USER_INPUT'])
})

// What was asked for is not cut in silence: the client would be refused when it does not expect it.
test("a lifetime beyond the key's own end", async () => {
  const key = await make.key({ name: 'short', expiresAt: inSeconds(300).toISOString() })
  expect(await create(key.secret, { expiresInSeconds: 301 })).toEqual([
    'EXPIRY_NOT_ALLOWED input.expiresInSeconds',
  ])
  await mint(world, key.secret, { expiresInSeconds: 290 })
  const ending = await make.key({ name: 'ending', expiresAt: inSeconds(600).toISOString() })
  const now = Date.now()
  // Less than what is left of this second: no whole one remains.
  const expiresAt = new Date(now + 30_000 - ((now + 30_000) % 1_000))
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: ending.id }, data: { expiresAt } }),
  )
  const { expiresInSeconds } = await mint(world, ending.secret)
  expect(expiresInSeconds).toBeLessThanOrEqual(30)
  expect(await create(ending.secret, { expiresInSeconds: 60 })).toEqual([
    'EXPIRY_NOT_ALLOWED input.expiresInSeconds',
  ])
})

test('an audience that is none', async () => {
  const uri = 'https://example.com'
  const at = (index: number): string => `INVALID input.audience.${index}`
  const cases: [string[], string[]][] = [
    [[], ['INVALID input.audience']],
    [Array.from({ length: 6 }, (_, index) => `${uri}/${index}`), ['INVALID input.audience']],
    [[uri, uri], [at(1)]],
    [[`${uri}#fragment`], [at(0)]],
    [[`${uri}#`], [at(0)]],
    [
      [uri, '/relative', ''],
      [at(1), at(2)],
    ],
    [['example.com'], [at(0)]],
    [['https://'], [at(0)]],
    [[`${uri}/a b`], [at(0)]],
    [[` ${uri}`], [at(0)]],
    [[`${uri}/\n`], [at(0)]],
    [[`${uri}/\u0000`], [at(0)]],
    [[`${uri}/\ud800`], [at(0)]],
    [['https://exämple.com'], [at(0)]],
    [[`${uri}/"`], [at(0)]],
    [[`${uri}/${'x'.repeat(240)}`], [at(0)]],
    [['://x'], [at(0)]],
  ]
  for (const [audience, problems] of cases)
    expect([audience, await create(workspace.secret, { audience })]).toEqual([audience, problems])
})

test('all that is wrong is told at once', async () => {
  const input = {
    permissions: ['agents:fly'],
    spaceIds: [foreign],
    expiresInSeconds: 59,
    audience: ['x', publicUrl],
  }
  expect((await create(limited, input)).sort()).toEqual([
    'INVALID input.audience.0',
    'INVALID input.expiresInSeconds',
    'NOT_FOUND input.spaceIds.0',
    'UNKNOWN_PERMISSION input.permissions.0',
  ])
})

// A chain of tokens would outlive every bound; so would one that begins with a foreign key.
test('neither a token nor a legacy key mints; only a token is rotated', async () => {
  const { token } = await mint(world, workspace.secret)
  expect(await create(token, {})).toEqual(['WRONG_STATE input'])
  const legacy = await make.key({ name: 'legacy' })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: legacy.id }, data: { legacy: true } }),
  )
  expect(await create(legacy.secret, {})).toEqual(['WRONG_STATE input'])
  expect(await refusal(world, legacy.secret, 'rotateAccessToken', {})).toEqual([
    'WRONG_STATE input',
  ])
})

const limit = 100

// The rows of a key's tokens must not grow without end, and a flood must not overstep by being fast.
test('a key has at most 100 live tokens, however many are asked for at once', async () => {
  const key = await make.key({ name: 'many' })
  const [first, second, third] = [
    await mint(world, key.secret),
    await mint(world, key.secret),
    await mint(world, key.secret),
  ]
  const ask = (): Promise<string[]> => problemsOf(world, key.secret, 'createAccessToken', {})
  const results = await Promise.all(Array.from({ length: limit + 15 }, ask))
  const refused = results.filter((problems) => problems.length > 0)
  expect(refused).toEqual(Array(18).fill(['LIMIT_REACHED ']))
  const live = { keyId: key.id, revokedAt: null, rotatedAt: null }
  expect(await world.deps.prisma.accessToken.count({ where: live })).toBe(limit)
  await storesNothing(world, async () => expect(await ask()).toEqual(['LIMIT_REACHED ']))

  // A rotation replaces one; what has ended makes room for another.
  const successor = await rotate(world, first.token)
  expect(await ask()).toEqual(['LIMIT_REACHED '])
  const ends = [
    () => done(world, successor.token, 'revokeAccessToken', '__typename', {}),
    () => rewrite(world, workspace.id, [second], { expiresAt: new Date(Date.now() - 1) }),
    () => rewrite(world, workspace.id, [third], { rotatedAt: new Date() }),
  ]
  for (const end of ends) {
    await end()
    expect(await ask()).toEqual([])
    expect(await ask()).toEqual(['LIMIT_REACHED '])
  }
  const another = await make.key({ name: 'another' })
  await mint(world, another.secret)
})
