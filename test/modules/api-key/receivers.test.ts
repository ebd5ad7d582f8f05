import { beforeEach, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { watchStatements } from '../../setup/statements.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { inSeconds } from '../access-token/ask.ts'
import { importOne, legacyKey } from '../legacy/ask.ts'
import { attempt, directly, verdict } from './ask.ts'

let workspace: TestWorkspace
let make: ReturnType<typeof seed>
/** A machine user, whose secrets may be given to whoever could grant their keys. */
let robot: string

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
})

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'scopes:read', 'keys:read', 'keys:create', 'keys:update']
const asOwner = (mutation: string, selection: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, selection, { ...input })
const own = (mutation: string, input: object) =>
  attempt(world, workspace.secret, mutation, { ...input })

const ok = { codes: [] }
const refused = { codes: ['PERMISSION_NOT_GRANTABLE'], paths: [['input', 'id']] }

/** A key that may manage keys, and does little else. */
const manager = (permissions: readonly string[] = [], more: object = {}) =>
  make.key({ name: name(), permissions: [...manages, ...permissions], ...more })

/** A key of the machine user whose only secret was given to the holder of `secret`. */
const madeBy = async (secret: string, input: object = {}) =>
  await seed(world, secret).key({ name: name(), ownerId: robot, ...input })

const widened = (id: string, permissions: readonly string[] = ['agents:read']) =>
  own('updateApiKey', { id, permissions })

/** Gives the owner a new secret of the key; no other works on. */
const takeOver = (id: string) => asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0 })

// Whoever narrows a key so far that they may have its secret must not get it whole once it is repaired.
test('updateApiKey: a key that was narrowed, then rotated, is widened by nobody before it is rotated again', async () => {
  const thief = await manager([], { allSpaces: true })
  const strong = { permissions: ['*'], allSpaces: true }
  const key = await make.key({ name: name(), ownerId: robot, ...strong })
  const narrow = { id: key.id, permissions: [], allSpaces: false }
  await done(world, thief.secret, 'updateApiKey', 'apiKey { id }', narrow)
  const stolen = await done(world, thief.secret, 'rotateApiKey', 'secret', { id: key.id })
  const before = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  const answer = await world.gql(
    workspace.secret,
    `mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { errors { code path message } } }`,
    { input: { id: key.id, ...strong } },
  )
  const [error] = answer.data.updateApiKey.errors
  expect(error).toMatchObject({ code: 'PERMISSION_NOT_GRANTABLE', path: ['input', 'id'] })
  expect(error.message).toContain('otate it first')
  // Who that is, and what they hold, is none of the caller's business.
  expect(error.message).not.toMatch(/key_|usr_|agents|keys:/)
  expect(await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })).toEqual(before)

  const { rotatedAt } = before
  const rotation = { id: key.id, expectedRotatedAt: rotatedAt?.toISOString() }
  const overlapping = await asOwner('rotateApiKey', 'apiKey { rotatedAt }', rotation)
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  expect(await own('updateApiKey', { id: key.id, ...strong })).toMatchObject(ok)
  expect(await verdict(world, stolen.secret)).toBe('401 ROTATED')
  expect(overlapping.apiKey.rotatedAt).not.toBe(rotatedAt)
})

test('updateApiKey: every receiver of a live secret counts, also of one that is being replaced', async () => {
  const holder = await manager()
  const key = await madeBy(holder.secret)
  await verdict(world, key.secret)
  await asOwner('rotateApiKey', 'secret', { id: key.id, overlapSeconds: 60 })
  expect(await widened(key.id)).toMatchObject(refused)
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKeySecret.updateMany({
      where: { keyId: key.id, endsAt: { not: null } },
      data: { endsAt: inSeconds(-1) },
    }),
  )
  expect(await widened(key.id)).toMatchObject(ok)
})

test('updateApiKey: what the receiver could grant is given, what only narrows or renames is asked of nobody', async () => {
  const holder = await manager(['agents:read', 'spaces:read'])
  const key = await madeBy(holder.secret)
  expect(await widened(key.id)).toMatchObject(ok)
  expect(await widened(key.id, ['agents:read', 'spaces:read'])).toMatchObject(ok)
  expect(await widened(key.id, ['agents:read', 'agents:run'])).toMatchObject(refused)
  await asOwner('updateApiKey', '__typename', { id: holder.id, permissions: manages })
  expect(await widened(key.id, ['agents:read'])).toMatchObject(ok)
  expect(await own('updateApiKey', { id: key.id, name: name() })).toMatchObject(ok)
  expect(await own('updateApiKey', { id: key.id, permissions: [] })).toMatchObject(ok)
  expect(await widened(key.id)).toMatchObject(refused)
})

test('updateApiKey: the bounds of the receiver hold as well', async () => {
  const bounds = { expiresAt: inSeconds(600).toISOString(), requestsPerMinute: 50 }
  const holder = await manager([], { ...bounds, allowedIps: ['10.0.0.0/8'] })
  const here = { address: '10.0.0.1' }
  const { data } = await world.gql(
    holder.secret,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }',
    { input: { name: name(), ownerId: robot, ...bounds, allowedIps: ['10.1.0.0/16'] } },
    here,
  )
  const { id } = data.createApiKey.apiKey
  for (const more of [
    { expiresAt: inSeconds(900).toISOString() },
    { expiresAt: null },
    { requestsPerMinute: 51 },
    { allowedIps: ['11.0.0.0/8'] },
    { allowedIps: null },
  ])
    expect([more, await own('updateApiKey', { id, ...more })]).toMatchObject([more, refused])
  expect(await own('updateApiKey', { id, allowedIps: ['10.0.0.0/8'] })).toMatchObject(ok)
})

test('updateScope: widening is tested for the receivers of every linked key', async () => {
  const scopeId = await make.scope({ name: name(), permissions: [] })
  const holder = await manager()
  const key = await madeBy(holder.secret, { scopeIds: [scopeId] })
  const update = (permissions: readonly string[]) =>
    own('updateScope', { id: scopeId, permissions })
  expect(await update(['agents:read'])).toMatchObject({
    codes: ['PERMISSION_NOT_GRANTABLE'],
    paths: [['input', 'permissions']],
  })
  await takeOver(key.id)
  expect(await update(['agents:read'])).toMatchObject(ok)
  await asOwner('updateApiKey', '__typename', { id: holder.id, permissions: ['keys:read'] })
  expect(await update([])).toMatchObject(ok)
})

// They are asked about when the policy lets it live again.
test('updateScope: the receivers of a key that the lifetime policy has ended stand in nobody’s way', async () => {
  const scopeId = await make.scope({ name: name(), permissions: [] })
  const holder = await manager()
  const { id } = await madeBy(holder.secret, { scopeIds: [scopeId] })
  await directly(world, workspace.id, async (prisma) => {
    await prisma.apiKey.updateMany({ where: { id }, data: { createdAt: inSeconds(-90_000) } })
    await prisma.workspace.update({ where: { id: workspace.id }, data: { maxKeyLifetimeDays: 1 } })
  })
  const input = { id: scopeId, permissions: ['agents:read'] }
  expect(await own('updateScope', input)).toMatchObject(ok)
  expect(await own('updateWorkspace', { maxKeyLifetimeDays: null })).toMatchObject({
    codes: ['PERMISSION_NOT_GRANTABLE'],
  })
  await asOwner('revokeApiKey', '__typename', { id })
  expect(await own('updateWorkspace', { maxKeyLifetimeDays: null })).toMatchObject(ok)
})

// Disabling is reversible: it took nothing from the key that enabling would give.
test('enableApiKey: gives nobody more than before, and is not tested for the receivers', async () => {
  const holder = await manager(['agents:read'])
  const key = await madeBy(holder.secret, { permissions: ['agents:read'], spaces: [] })
  const { id } = key
  await asOwner('disableApiKey', '__typename', { id })
  expect(await own('enableApiKey', { id })).toMatchObject(ok)
  await asOwner('disableApiKey', '__typename', { id })
  await asOwner('updateApiKey', '__typename', { id: holder.id, permissions: manages })
  expect(await own('enableApiKey', { id })).toMatchObject(ok)
})

// Who made them may have left long ago: their keys would keep every policy from being relaxed.
test('updateWorkspace: keys that live on are not tested for the receivers', async () => {
  const holder = await manager()
  await madeBy(holder.secret, { permissions: ['keys:read'] })
  await importOne(world, holder.secret, legacyKey(robot))
  const sunset = { legacyKeySunsetAt: inSeconds(600).toISOString() }
  await asOwner('updateWorkspace', '__typename', { maxKeyLifetimeDays: 10, ...sunset })
  await asOwner('disableApiKey', '__typename', { id: holder.id })
  const relaxed = { maxKeyLifetimeDays: 11 }
  const later = { legacyKeySunsetAt: inSeconds(900).toISOString() }
  for (const input of [relaxed, later])
    expect([input, await own('updateWorkspace', input)]).toMatchObject([input, ok])
})

test('migrateLegacyKey: with an overlap, what widens is tested for who has the legacy secret', async () => {
  const holder = await manager()
  const { id } = await importOne(world, holder.secret, legacyKey(robot))
  const input = { id, permissions: ['agents:read'] }
  const overlap = { codes: ['PERMISSION_NOT_GRANTABLE'], paths: [['input', 'overlapSeconds']] }
  expect(await own('migrateLegacyKey', input)).toMatchObject(overlap)
  expect(await own('updateApiKey', input)).toMatchObject(refused)
  expect(await own('migrateLegacyKey', { ...input, overlapSeconds: 0 })).toMatchObject(ok)
})

// It ends by the sunset, migrated or not.
test('migrateLegacyKey: what only outlives the sunset gives nothing to who has the legacy secret', async () => {
  const holder = await manager()
  const { id } = await importOne(world, holder.secret, legacyKey(robot))
  const legacyKeySunsetAt = inSeconds(86_400).toISOString()
  await asOwner('updateWorkspace', '__typename', { legacyKeySunsetAt })
  await asOwner('revokeApiKey', '__typename', { id: holder.id })
  expect(await own('migrateLegacyKey', { id })).toMatchObject(ok)
})

test('rotateApiKey: a key that rotates itself stays with whom it was given to', async () => {
  const holder = await manager()
  const key = await madeBy(holder.secret, { permissions: ['keys:read', 'keys:update'] })
  const { id } = key
  const { secret } = await done(world, key.secret, 'rotateApiKey', 'secret', { id })
  await verdict(world, secret)
  expect(await widened(id)).toMatchObject(refused)
  await takeOverNow(id)
  expect(await widened(id)).toMatchObject(ok)
})

/** The same within 30 s of another rotation. */
async function takeOverNow(id: string) {
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  const expectedRotatedAt = rotatedAt?.toISOString()
  return await asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0, expectedRotatedAt })
}

test('transferApiKey: the new secret is its caller’s', async () => {
  const holder = await manager()
  const key = await madeBy(holder.secret)
  const other = await make.machine({ name: name(), role: 'ADMIN' })
  expect(await widened(key.id)).toMatchObject(refused)
  await asOwner('transferApiKey', '__typename', { id: key.id, ownerId: other.userId })
  expect(await widened(key.id)).toMatchObject(ok)
})

// One lock decides: either the thief asks for a wide key, or the admin widens the thief's.
test('rotateApiKey and updateApiKey at once: no secret given to a weaker key becomes wide', async () => {
  for (let round = 0; round < 4; round += 1) {
    const thief = await manager()
    const { id } = await make.key({ name: name(), ownerId: robot })
    const calls = [
      () => attempt(world, thief.secret, 'rotateApiKey', { id }, 'secret'),
      () => widened(id),
    ]
    if (round % 2 === 1) calls.reverse()
    const answers = await Promise.all(calls.map((call) => call()))
    const codes = answers.map((answer) => answer.codes)
    expect(codes.flat()).toEqual(['PERMISSION_NOT_GRANTABLE'])
  }
})

test('updateScope: takes as many statements for keys of many receivers as for those of one', async () => {
  const scopeId = await make.scope({ name: name(), permissions: [] })
  const update = (permissions: string[]) => own('updateScope', { id: scopeId, permissions })
  const link = async () =>
    await madeBy((await manager(['agents:read'])).secret, { scopeIds: [scopeId], spaces: [] })
  const statements = watchStatements()
  const counted = async () => {
    await update([])
    const from = statements.sent.length
    expect(await update(['agents:read'])).toMatchObject(ok)
    return statements.sent.slice(from).filter((text) => text.trimStart().startsWith('SELECT'))
      .length
  }
  await link()
  await counted()
  const one = await counted()
  for (let index = 0; index < 5; index += 1) await link()
  expect(await counted()).toBe(one)
  statements.stop()
})
