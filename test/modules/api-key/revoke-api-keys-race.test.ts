import { expect, test } from 'vitest'
import { holdLine } from '../../setup/in-line.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verdict } from './ask.ts'

useWorkspace()

const selection = 'revokedCount apiKeys { id }'

// Who holds a stolen key makes another one of the same owner while the revocation waits for its turn.
test('revokeApiKeys: what one of the keys makes before its turn does not outlive it', async () => {
  const { key, machine } = seed(world, workspace.secret)
  const { userId } = await machine({ name: 'Stolen', role: 'ADMIN' })
  const permissions = ['keys:read', 'keys:create']
  const stolen = await key({ name: 'stolen', ownerId: userId, permissions })
  const line = holdLine(world.deps, workspace.id)
  const making = seed(world, stolen.secret).key({ name: 'child', permissions })
  await line.waiting(1)
  const revoking = done(world, workspace.secret, 'revokeApiKeys', selection, {
    filter: { ownerId: userId },
  })
  await line.waiting(2)
  await line.open()
  const child = await making
  await revoking
  expect(await verdict(world, stolen.secret)).toBe('401 REVOKED')
  expect(await verdict(world, child.secret)).toBe('401 REVOKED')
})

// The same by the road of a transfer: the key is its new owner's before the turn of the revocation comes.
test('revokeApiKeys: a key that the filter finds once its turn comes is revoked', async () => {
  const { key, machine } = seed(world, workspace.secret)
  const { userId } = await machine({ name: 'Receiver', role: 'MEMBER' })
  const { id } = await key({ name: 'transferred', permissions: [] })
  const line = holdLine(world.deps, workspace.id)
  const moving = done(world, workspace.secret, 'transferApiKey', 'secret', { id, ownerId: userId })
  await line.waiting(1)
  const revoking = done(world, workspace.secret, 'revokeApiKeys', selection, {
    filter: { ownerId: userId },
  })
  await line.waiting(2)
  await line.open()
  const { secret } = await moving
  await revoking
  expect(await verdict(world, secret)).toBe('401 REVOKED')
})
