import { afterAll, beforeAll, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

const transfer = `mutation ($input: TransferApiKeyInput!) {
  transferApiKey(input: $input) {
    apiKey { previousSecretExpiresAt } secret errors { code path }
  }
}`

const roleOf = async (secret: string) => {
  const { status, data, errors } = await world.gql(secret, '{ viewer { role } }')
  return status === 200 ? data.viewer.role : errors[0]?.extensions.reason
}

// Who has the old secret must not be the stronger for a transfer that somebody else made.
test('the old secret ends at once where the key can do more for its new owner', async () => {
  const make = seed(world, workspace.secret)
  const builder = await make.machine({ name: 'builder', role: 'BUILDER' })
  const admin = await make.machine({ name: 'admin', role: 'ADMIN' })
  const key = await make.key({
    name: 'grows',
    ownerId: builder.userId,
    permissions: ['*'],
    allSpaces: true,
  })
  const asked = { id: key.id, ownerId: admin.userId }
  const refused = await world.gql(workspace.secret, transfer, {
    input: { ...asked, overlapSeconds: 60 },
  })
  expect(refused.data.transferApiKey).toEqual({
    apiKey: null,
    secret: null,
    errors: [{ code: 'INVALID', path: ['input', 'overlapSeconds'] }],
  })
  expect(await roleOf(key.secret)).toBe('BUILDER')
  const { data } = await world.gql(workspace.secret, transfer, { input: asked })
  expect(data.transferApiKey.errors).toEqual([])
  expect(data.transferApiKey.apiKey.previousSecretExpiresAt).toBeNull()
  expect(await roleOf(key.secret)).toBe('ROTATED')
  expect(await roleOf(data.transferApiKey.secret)).toBe('ADMIN')
})

test('between owners of the same rights the old secret lives on for the overlap', async () => {
  const make = seed(world, workspace.secret)
  const [one, two] = [
    await make.machine({ name: 'one', role: 'BUILDER' }),
    await make.machine({ name: 'two', role: 'BUILDER' }),
  ]
  const key = await make.key({ name: 'same', ownerId: one.userId, permissions: ['workspace:read'] })
  const { secret } = await done(world, workspace.secret, 'transferApiKey', 'secret', {
    id: key.id,
    ownerId: two.userId,
  })
  expect([await roleOf(key.secret), await roleOf(secret)]).toEqual(['BUILDER', 'BUILDER'])
})

test('the end of the previous secret is told as it is', async () => {
  const make = seed(world, workspace.secret)
  const key = await make.key({ name: 'ends', permissions: ['workspace:read'] })
  const selection = 'apiKey { previousSecretExpiresAt expiresAt }'
  await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id, overlapSeconds: 600 })
  const expiresAt = new Date(Date.now() + 60_000).toISOString()
  const shortened = await done(world, workspace.secret, 'updateApiKey', selection, {
    id: key.id,
    expiresAt,
  })
  expect(shortened.apiKey).toEqual({ previousSecretExpiresAt: expiresAt, expiresAt })
  const revoked = await done(world, workspace.secret, 'revokeApiKey', selection, { id: key.id })
  expect(revoked.apiKey.previousSecretExpiresAt).toBeNull()
})
