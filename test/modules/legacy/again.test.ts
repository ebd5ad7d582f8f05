import { beforeAll, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verdict } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, importOne, legacyKey, legacySecret, sha256, type ToImport } from './ask.ts'

let robot: { id: string; userId: string }
let spaces: string[]

useWorkspace()
beforeAll(async () => {
  await allowHashes(world, workspace)
  const make = seed(world, workspace.secret)
  spaces = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
})

const conflict = [['CONFLICT value']]
const again = async (key: object, secret = workspace.secret) =>
  (await storesNothing(world, () => importKeys(world, secret, [key]))).results
const asOwner = (mutation: string, input: object, selection = 'apiKey { id }') =>
  done(world, workspace.secret, mutation, selection, { ...input })

const inHex = (key: ToImport): ToImport => ({
  ...key,
  value: sha256(key.value, 'hex'),
  encoding: 'SHA256_HEX',
  start: 'old-',
  last4: 'WXYZ',
})

// A file that was half imported is imported once more.
test('the same key again changes nothing, and is answered with the one that is there', async () => {
  const key = legacyKey(robot.userId, { permissions: ['agents:read', '*:read'], spaceIds: spaces })
  const { id } = await importOne(world, workspace.secret, key)
  const same = [
    key,
    inHex(key),
    { ...key, name: 'called otherwise' },
    { ...key, spaceIds: [...spaces].reverse(), permissions: ['*:read', 'agents:read', '*:read'] },
  ]
  for (const it of same) {
    const { results, keys } = await storesNothing(world, () =>
      importKeys(world, workspace.secret, [it]),
    )
    expect([results, keys]).toEqual([[['imported']], [{ id }]])
  }
  await asOwner('disableApiKey', { id })
  expect(await again(key)).toEqual([['imported']])
  expect(await verdict(world, key.value)).toBe('401 DISABLED')
})

test('twice in one call it is one key; with other grants the second is a conflict', async () => {
  const key = legacyKey(robot.userId, { permissions: ['agents:read'] })
  const other = { ...key, permissions: [] }
  const { results, keys } = await importKeys(world, workspace.secret, [key, other, inHex(key)])
  expect(results).toEqual([['imported'], ['CONFLICT value'], ['imported']])
  expect(keys[2]).toEqual(keys[0])
  // What was refused counts for nothing.
  const twice = legacyKey(robot.userId)
  const late = await importKeys(world, workspace.secret, [{ ...twice, name: '' }, twice])
  expect(late.results).toEqual([['INVALID name'], ['imported']])
})

// One secret is one key: it must be clear what it may do.
test('the same secret with another owner or other grants is a conflict', async () => {
  const key = legacyKey(robot.userId, { permissions: ['agents:read'], spaceIds: [spaces[0]] })
  const { id } = await importOne(world, workspace.secret, key)
  for (const other of [
    { ownerId: workspace.ownerId },
    { permissions: [] },
    { permissions: ['agents:read', 'agents:run'] },
    { permissions: undefined },
    { spaceIds: [] },
    { spaceIds: spaces },
    { spaceIds: [spaces[1]] },
    { spaceIds: null, allSpaces: true },
  ])
    expect([other, await again({ ...key, ...other })]).toEqual([other, conflict])
  await asOwner('updateApiKey', { id, spaces: [{ spaceId: spaces[0], permissions: [] }] })
  expect(await again(key)).toEqual(conflict)
  await asOwner('updateApiKey', { id, spaces: [{ spaceId: spaces[0] }] })
  expect(await again(key)).toEqual([['imported']])
  const scope = await seed(world, workspace.secret).scope({ name: 'linked', permissions: [] })
  await asOwner('updateApiKey', { id, scopeIds: [scope] })
  expect(await again(key)).toEqual(conflict)
})

// Whoever took it away must not find it back after the next import.
test('a revoked key stays revoked', async () => {
  const key = legacyKey(robot.userId)
  const { id } = await importOne(world, workspace.secret, key)
  await asOwner('revokeApiKey', { id })
  expect(await again(key)).toEqual(conflict)
  expect(await again(inHex(key))).toEqual(conflict)
  expect(await verdict(world, key.value)).toBe('401 REVOKED')
})

test('what is or was the secret of an ordinary key, or of a migrated one, is a conflict', async () => {
  const make = seed(world, workspace.secret)
  const ordinary = await make.key({ name: 'ordinary' })
  const hashOf = (secret: string) => inHex(legacyKey(workspace.ownerId, { value: secret }))
  expect(await again(hashOf(ordinary.secret))).toEqual(conflict)
  await asOwner('rotateApiKey', { id: ordinary.id, overlapSeconds: 0 })
  expect(await again(hashOf(ordinary.secret))).toEqual(conflict)
  const key = legacyKey(robot.userId)
  const { id } = await importOne(world, workspace.secret, key)
  const { secret } = await asOwner('migrateLegacyKey', { id }, 'secret')
  expect(await again(key)).toEqual(conflict)
  expect(await again({ ...hashOf(secret), ownerId: robot.userId })).toEqual(conflict)
})

// Of what another workspace has nothing is told but that it cannot be imported.
test('a secret of another workspace is a conflict without a reason', async () => {
  const other = await world.createWorkspace()
  const key = legacyKey(workspace.ownerId)
  await importOne(world, workspace.secret, key)
  const errors = async (secret: string, keys: readonly object[]) => {
    const { data } = await world.gql(
      secret,
      `mutation ($keys: [LegacyKeyInput!]!) { importLegacyKeys(input: { keys: $keys }) {
        results { errors { code message path } } } }`,
      { keys },
    )
    return data.importLegacyKeys.results[0].errors
  }
  const path = ['input', 'keys', '0', 'value']
  expect(await errors(other.secret, [{ ...key, ownerId: other.ownerId }])).toEqual([
    { code: 'CONFLICT', message: 'This secret cannot be imported.', path },
  ])
  expect(await errors(workspace.secret, [{ ...key, permissions: ['*:read'] }])).toEqual([
    { code: 'CONFLICT', message: expect.stringContaining('known already'), path },
  ])
})

// Two workspaces that take in the same old system at once: every secret goes to one of them.
test('of imports at once of the same secrets in two workspaces each key is in exactly one', async () => {
  const both = [await world.createWorkspace(), await world.createWorkspace()]
  const secrets = Array.from({ length: 40 }, legacySecret)
  const imports = both.map(({ secret, ownerId }, index) => {
    const rows = secrets.map((value) => legacyKey(ownerId, { value }))
    // In the opposite order, so that each would wait for the other.
    return importKeys(world, secret, index === 0 ? rows : rows.reverse())
  })
  const [mine, theirs] = await Promise.all(imports)
  const theirResults = [...(theirs?.results ?? [])].reverse()
  mine?.results.forEach((result, index) => {
    expect([result, theirResults[index]].sort()).toEqual([['CONFLICT value'], ['imported']])
  })
  const { prisma } = world.deps
  let stored = 0
  for (const { id } of both) {
    const where = { workspaceId: id, legacy: true }
    const keys = await prisma.apiKey.findMany({ where, include: { secrets: true } })
    expect(keys.filter((key) => key.secrets.length !== 1)).toEqual([])
    const events = { workspaceId: id, action: 'api_key.imported' }
    expect(await prisma.auditEvent.count({ where: events })).toBe(keys.length)
    stored += keys.length
  }
  expect(stored).toBe(secrets.length)
  for (const secret of secrets) expect(await verdict(world, secret)).toBe('ACCEPTED')
})
