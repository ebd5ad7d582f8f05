import { beforeEach, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace

let count = 0
const name = (): string => `Name ${++count}`
const day = 86_400_000
const days = (offset: number): string => new Date(Date.now() + offset * day).toISOString()

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const update = (input: object) =>
  outcome(world, workspace.secret, 'updateWorkspace', input as Record<string, unknown>)
const make = (input: object = {}) => seed(world, workspace.secret).key({ name: name(), ...input })
const create = (input: object) =>
  outcome(world, workspace.secret, 'createApiKey', { name: name(), ...input })

/** Moves a key into the past: no mutation can. */
const age = (id: string, offset: number) =>
  world.deps.prisma.apiKey.updateMany({
    where: { id },
    data: { createdAt: new Date(Date.now() - offset * day) },
  })

// A key lives no longer than the policy allows, whatever it says of itself.
test('a lifetime policy ends every key in time, and no key is written beyond it', async () => {
  expect(await update({ maxKeyLifetimeDays: 10 })).toEqual(['done'])
  const beyond = ['EXPIRY_NOT_ALLOWED input.expiresAt']
  expect(await create({ expiresAt: days(11) })).toEqual(beyond)
  expect(await create({ expiresAt: days(9) })).toEqual(['done'])
  const key = await make()
  const { data } = await world.gql(
    workspace.secret,
    'query ($id: ID!) { apiKey(id: $id) { createdAt expiresAt effectiveExpiresAt } }',
    { id: key.id },
  )
  const { createdAt, expiresAt, effectiveExpiresAt } = data.apiKey
  expect(expiresAt).toBeNull()
  expect(Date.parse(effectiveExpiresAt) - Date.parse(createdAt)).toBe(10 * day)
  await age(key.id, 8)
  const late = { id: key.id, expiresAt: days(3) }
  expect(await outcome(world, workspace.secret, 'updateApiKey', late)).toEqual(beyond)
})

// Rotation gives a new secret, and no new life.
test('rotation does not restart the lifetime', async () => {
  await update({ maxKeyLifetimeDays: 10 })
  const key = await make({ permissions: ['keys:read'] })
  await age(key.id, 9)
  const input = { id: key.id, overlapSeconds: 0 }
  const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', input)
  expect(await view(world, rotated.secret)).toMatchObject({ permissions: ['keys:read'] })
  await age(key.id, 11)
  await update({ maxKeyLifetimeDays: 9 })
  expect(await view(world, rotated.secret)).toBe('EXPIRED')
})

// The policy binds the owner's own key too: who sets it can lock themselves out, and is told so.
test('the policy counts for the key that sets it', async () => {
  await age(workspace.keyId, 5)
  expect(await update({ maxKeyLifetimeDays: 3 })).toEqual(['done'])
  expect(await view(world, workspace.secret)).toBe('EXPIRED')
})

test('a policy is 1 to 36,500 days, or none', async () => {
  for (const maxKeyLifetimeDays of [0, -1, 36_501])
    expect(await update({ maxKeyLifetimeDays })).toEqual(['INVALID input.maxKeyLifetimeDays'])
  for (const maxKeyLifetimeDays of [1, 36_500, null])
    expect(await update({ maxKeyLifetimeDays })).toEqual(['done'])
})

test('null clears the policy and nothing else', async () => {
  for (const field of ['name', 'slug', 'legacyKeySunsetAt'])
    expect(await update({ [field]: null })).toEqual([`INVALID input.${field}`])
})

// Reading is not changing, and another workspace's key changes nothing here.
test('only workspace:update changes the workspace', async () => {
  const reader = await make({ permissions: ['workspace:read'] })
  const input = { name: 'Mine' }
  expect(await outcome(world, reader.secret, 'updateWorkspace', input)).toEqual([
    'FORBIDDEN workspace:update',
  ])
  const other = await world.createWorkspace()
  await done(world, other.secret, 'updateWorkspace', 'workspace { id }', { name: 'Theirs' })
  const { data } = await world.gql(reader.secret, '{ workspace { name } }')
  expect(data.workspace.name).toBe(workspace.slug)
})
