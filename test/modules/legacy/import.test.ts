import { beforeAll, expect, test } from 'vitest'
import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import { directly } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, importOne, legacyKey, sha256 } from './ask.ts'

let robot: { id: string; userId: string }
let spaces: string[]

useWorkspace()
beforeAll(async () => {
  await allowHashes(world, workspace)
  const make = seed(world, workspace.secret)
  spaces = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  robot = await make.machine({ name: 'Robot', role: 'BUILDER', spaceIds: spaces })
})

const everything = `id name status legacy start last4 permissions allSpaces allowedIps requestsPerMinute
  expiresAt effectiveExpiresAt rotatedAt createdAt createdByKeyId description
  owner { id } spaces { spaceId permissions } scopes { id }`

test('a key is what its row says, whether it comes by its secret or by either hash', async () => {
  const key = {
    permissions: ['agents:read', 'agents:run'],
    spaceIds: [spaces[1]],
    start: 'old-',
    last4: 'WXYZ',
  }
  const rows = ['PLAINTEXT', 'SHA256_HEX', 'SHA256_BASE64'].map((encoding) => {
    const row = legacyKey(robot.userId, key)
    return { ...row, secret: row.value, encoding }
  })
  const values = rows.map(({ secret, ...row }, index) => ({
    ...row,
    value: [secret, sha256(secret, 'hex').toUpperCase(), sha256(secret, 'base64')][index],
  }))
  const { results, keys } = await importKeys(world, workspace.secret, values, {
    selection: everything,
  })
  expect(results).toEqual([['imported'], ['imported'], ['imported']])
  keys.forEach((imported, index) => {
    const { name, secret = '' } = rows[index] ?? {}
    expect(imported).toEqual({
      id: expect.stringMatching(/^key_/),
      name,
      status: 'ACTIVE',
      legacy: true,
      start: index === 0 ? secret.slice(0, 4) : 'old-',
      last4: index === 0 ? secret.slice(-4) : 'WXYZ',
      permissions: key.permissions,
      allSpaces: false,
      allowedIps: null,
      requestsPerMinute: null,
      expiresAt: null,
      effectiveExpiresAt: null,
      rotatedAt: null,
      createdAt: expect.any(String),
      createdByKeyId: workspace.keyId,
      description: null,
      owner: { id: robot.userId },
      spaces: [{ spaceId: spaces[1], permissions: null }],
      scopes: [],
    })
  })
  for (const { secret } of rows)
    expect(await view(world, secret)).toMatchObject({
      allSpaces: false,
      spaces: { [spaces[1] ?? '']: ['agents:read', 'agents:run'] },
    })
})

test('a key without permissions grants nothing; one for all spaces reaches what its owner does', async () => {
  const none = legacyKey(robot.userId, { spaceIds: spaces })
  const all = legacyKey(workspace.ownerId, { allSpaces: true, permissions: ['*:read'] })
  const { results } = await importKeys(world, workspace.secret, [none, all])
  expect(results).toEqual([['imported'], ['imported']])
  expect(await view(world, none.value)).toMatchObject({
    permissions: [],
    spaces: { [spaces[0] ?? '']: [], [spaces[1] ?? '']: [] },
  })
  expect(await view(world, all.value)).toMatchObject({ allSpaces: true })
})

// Whoever imports a thousand keys must not begin anew for one that is wrong.
test('what is wrong with some keys is told of these, and the others are imported', async () => {
  const fine = [legacyKey(robot.userId), legacyKey(robot.userId), legacyKey(robot.userId)]
  const { errors, results, keys } = await importKeys(world, workspace.secret, [
    fine[0] ?? {},
    legacyKey(robot.userId, { name: ' ' }),
    legacyKey(robot.userId, { value: 'short' }),
    legacyKey(robot.userId, { value: 'short', name: '', permissions: ['no:such', 'agents:run'] }),
    fine[1] ?? {},
    legacyKey(robot.userId, { spaceIds: [spaces[0], 'spc_nothing', spaces[0]] }),
    legacyKey(robot.userId, { spaceIds: spaces, allSpaces: true }),
    legacyKey('usr_nobody'),
    legacyKey(robot.userId, { permissions: ['agents:run'] }),
    legacyKey(robot.userId, { encoding: 'SHA256_HEX' }),
    legacyKey(robot.userId, { spaceIds: Array(1_001).fill(spaces[0]) }),
    fine[2] ?? {},
  ])
  expect(errors).toEqual([])
  expect(results).toEqual([
    ['imported'],
    ['INVALID name'],
    ['INVALID value'],
    [
      'INVALID name',
      'INVALID value',
      'UNKNOWN_PERMISSION permissions.0',
      'PERMISSION_DEPENDENCY_MISSING permissions',
    ],
    ['imported'],
    ['INVALID spaceIds.2', 'NOT_FOUND spaceIds.1'],
    ['INVALID spaceIds'],
    ['NOT_FOUND ownerId'],
    ['PERMISSION_DEPENDENCY_MISSING permissions'],
    ['INVALID value', 'INVALID start', 'INVALID last4'],
    ['INVALID spaceIds'],
    ['imported'],
  ])
  expect(keys.map((key) => key === null)).toEqual(results.map(([it]) => it !== 'imported'))
  for (const { value } of fine) expect(await view(world, value)).toMatchObject({ permissions: [] })
})

test('no key, or too many spaces, is refused as a whole', async () => {
  const many = (length: number) => Array.from({ length }, () => legacyKey(robot.userId))
  // What they give together is stored while everybody else of the workspace waits.
  const wide = many(11).map((key) => ({ ...key, spaceIds: Array(910).fill(spaces[0]) }))
  for (const keys of [[], wide]) {
    const refused = await storesNothing(world, () => importKeys(world, workspace.secret, keys))
    expect(refused).toEqual({ errors: ['INVALID keys'], results: [], keys: [] })
  }
  const { results } = await importKeys(world, workspace.secret, many(1_000))
  expect(new Set(results.flat())).toEqual(new Set(['imported']))
  expect(results).toHaveLength(1_000)
})

// One answer to a thousand keys must not grow far beyond what was asked.
test('of one key no more than five mistakes are told', async () => {
  const permissions = Array.from({ length: 100 }, (_, index) => `no:${index}`)
  const { results } = await importKeys(world, workspace.secret, [
    legacyKey(robot.userId, { permissions }),
  ])
  expect(results[0]).toHaveLength(5)
})

// An operator tries the whole file before anything of it counts.
test('a dry run tells what an import would, and stores nothing', async () => {
  const before = legacyKey(robot.userId, { name: 'Was there' })
  const { id } = await importOne(world, workspace.secret, before)
  const keys = [
    legacyKey(robot.userId, { permissions: ['agents:read'], spaceIds: spaces }),
    legacyKey(robot.userId, { name: 'was THERE' }),
    before,
    legacyKey(robot.userId, { name: 'twice' }),
    legacyKey(robot.userId, { name: 'Twice' }),
  ]
  const expected = [
    ['imported'],
    ['NAME_TAKEN name'],
    ['imported'],
    ['imported'],
    ['NAME_TAKEN name'],
  ]
  const dry = await storesNothing(world, () =>
    importKeys(world, workspace.secret, keys, { dryRun: true }),
  )
  expect(dry.results).toEqual(expected)
  expect(dry.keys).toEqual([null, null, { id }, null, null])
  expect(await view(world, String(keys[0]?.value))).toBe('UNKNOWN')
  const wet = await importKeys(world, workspace.secret, keys)
  expect(wet.results).toEqual(expected)
})

test('names are unique among the live keys of an owner, and free again with an expired one', async () => {
  const make = seed(world, workspace.secret)
  const other = await make.machine({ name: 'Other', role: 'MEMBER' })
  const old = await make.key({ name: 'Ended', ownerId: robot.userId })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: old.id }, data: { expiresAt: new Date(0) } }),
  )
  await make.key({ name: 'Taken', ownerId: robot.userId })
  const named = (ownerId: string, name: string) => legacyKey(ownerId, { name })
  const { results } = await importKeys(world, workspace.secret, [
    named(robot.userId, 'taken'),
    named(other.userId, 'taken'),
    // One that is refused for something else takes no name.
    legacyKey(robot.userId, { name: 'mine', permissions: ['no:such'] }),
    named(robot.userId, 'mine'),
    named(robot.userId, ' MINE '),
    named(robot.userId, 'ended'),
  ])
  expect(results).toEqual([
    ['NAME_TAKEN name'],
    ['imported'],
    ['UNKNOWN_PERMISSION permissions.0'],
    ['imported'],
    ['NAME_TAKEN name'],
    ['imported'],
  ])
})

test('live keys count for the limit of the plan, imported ones too', async () => {
  const other = await world.createWorkspace()
  const limit = (enterpriseKeyLimit: number) =>
    directly(world, other.id, (prisma) =>
      prisma.workspace.update({ where: { id: other.id }, data: { enterpriseKeyLimit } }),
    )
  await limit(3)
  const first = legacyKey(other.ownerId)
  const rows = [first, legacyKey(other.ownerId, { name: '' }), first, legacyKey(other.ownerId)]
  const { results } = await importKeys(world, other.secret, [...rows, legacyKey(other.ownerId)])
  expect(results).toEqual([
    ['imported'],
    ['INVALID name'],
    ['imported'],
    ['imported'],
    ['LIMIT_REACHED'],
  ])
  await limit(1)
  const again = await importKeys(world, other.secret, [first, legacyKey(other.ownerId)])
  expect(again.results).toEqual([['imported'], ['LIMIT_REACHED']])
})

// What was taken in, from whom and as what, is in the history for good; the secret is not.
test('each imported key has an event of its own', async () => {
  const other = await world.createWorkspace()
  const keys = [
    legacyKey(other.ownerId, { permissions: ['agents:read'], allSpaces: true }),
    legacyKey(other.ownerId, { name: '' }),
    legacyKey(other.ownerId),
  ]
  const { keys: made } = await importKeys(world, other.secret, keys)
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: other.id, action: 'api_key.imported' },
    orderBy: { sequence: 'asc' },
  })
  expect(events).toMatchObject([
    { targetId: made[0].id, targetName: keys[0]?.name, apiKeyId: other.keyId },
    { targetId: made[2].id, targetName: keys[2]?.name, actorId: other.ownerId },
  ])
  expect(JSON.parse(events[0]?.changes ?? '')).toEqual([
    { field: 'name', before: 'null', after: JSON.stringify(keys[0]?.name) },
    { field: 'ownerId', before: 'null', after: JSON.stringify(other.ownerId) },
    { field: 'permissions', before: 'null', after: '["agents:read"]' },
    { field: 'scopeIds', before: 'null', after: '[]' },
    { field: 'allSpaces', before: 'null', after: 'true' },
    { field: 'spaces', before: 'null', after: '[]' },
  ])
  const { epoch } = await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: other.id } })
  await importKeys(world, other.secret, [legacyKey(other.ownerId), legacyKey(other.ownerId)])
  const after = await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: other.id } })
  expect(after.epoch).toBe(epoch + 1n)
})

test('of a secret its hash is kept and nothing else, wherever else it was sent', async () => {
  const key = legacyKey(workspace.ownerId)
  const { id } = await importOne(world, workspace.secret, key)
  await importKeys(world, workspace.secret, [key, { ...key, permissions: ['agents:read'] }])
  await importKeys(world, workspace.secret, [{ ...key, name: '' }], { dryRun: true })
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', { id, name: 'another' })
  const stored = await world.deps.prisma.apiKeySecret.findMany({
    where: { keyId: id },
    select: { hash: true, legacy: true, endsAt: true },
  })
  expect(stored).toEqual([{ hash: hashSecret(key.value), legacy: true, endsAt: null }])
  const forms = ['hex', 'base64', 'base64url'].map((encoding) =>
    Buffer.from(hashSecret(key.value))
      .toString(encoding as BufferEncoding)
      .replace(/=+$/, ''),
  )
  const tables = await world.deps.prisma.$queryRaw<{ name: string }[]>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`
  const texts = [...world.logs]
  for (const { name } of tables) {
    const rows = await world.deps.prisma.$queryRawUnsafe<{ text: string }[]>(
      `SELECT row_to_json(t)::text AS text FROM "${name}" t`,
    )
    if (name !== 'ApiKeySecret') texts.push(...rows.map(({ text }) => text))
    expect(rows.filter(({ text }) => text.includes(key.value))).toEqual([])
  }
  const needles = [key.value, ...forms]
  expect(texts.filter((text) => needles.some((needle) => text.includes(needle)))).toEqual([])
})
