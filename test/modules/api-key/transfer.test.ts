import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'

useWorkspace()

const roleOf = async (secret: string) => {
  const { status, data, errors } = await world.gql(secret, '{ viewer { role } }')
  return status === 200 ? data.viewer.role : errors[0]?.extensions.reason
}

// Role and user decide rows too, not only permissions: whoever has the old secret would be the new owner.
test('transferApiKey: the old secrets end with the answer, whatever the key can do for its new owner', async () => {
  const make = seed(world, workspace.secret)
  const [one, two, admin] = [
    await make.machine({ name: 'one', role: 'BUILDER' }),
    await make.machine({ name: 'two', role: 'BUILDER' }),
    await make.machine({ name: 'admin', role: 'ADMIN' }),
  ]
  const cases = [
    { permissions: ['workspace:read'], receiver: two, role: 'BUILDER' },
    { permissions: ['keys:*'], receiver: two, role: 'BUILDER' },
    { permissions: ['*'], allSpaces: true, receiver: admin, role: 'ADMIN' },
  ]
  for (const [index, { receiver, role, ...terms }] of cases.entries()) {
    const key = await make.key({ name: `key ${index}`, ownerId: one.userId, ...terms })
    const rotated = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
    const given = await done(
      world,
      workspace.secret,
      'transferApiKey',
      'secret apiKey { previousSecretExpiresAt }',
      { id: key.id, ownerId: receiver.userId },
    )
    expect(given.apiKey.previousSecretExpiresAt).toBeNull()
    const roles = [key.secret, rotated.secret, given.secret].map(roleOf)
    expect(await Promise.all(roles)).toEqual(['ROTATED', 'ROTATED', role])
  }
})

test('ApiKey.previousSecretExpiresAt: is cut to the expiry of the key, and null for a revoked one', async () => {
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
