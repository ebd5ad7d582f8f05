import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { inSeconds, mint, rewrite, rotate, verdict } from './ask.ts'

useWorkspace()

// Who revokes a leaked token means whoever has it, also where they have rotated it meanwhile.
test('revoking a token that has been replaced ends its successors', async () => {
  const first = await mint(world, workspace.secret)
  const second = await rotate(world, first.token)
  const third = await rotate(world, second.token)
  const sibling = await mint(world, workspace.secret)
  await done(world, workspace.secret, 'revokeAccessToken', '__typename', { id: first.id })
  for (const { token } of [first, second, third])
    expect(await verdict(world, token)).toBe('401 REVOKED')
  expect(await verdict(world, sibling.token)).toBe('ACCEPTED')
})

test('also when it has expired meanwhile', async () => {
  const first = await mint(world, workspace.secret)
  const second = await rotate(world, first.token)
  await rewrite(world, workspace.id, [first], { expiresAt: inSeconds(-1) })
  await done(world, workspace.secret, 'revokeAccessToken', '__typename', { id: first.id })
  expect(await verdict(world, second.token)).toBe('401 REVOKED')
})

test('a thief cannot silence the replay by revoking what was stolen', async () => {
  const key = await seed(world, workspace.secret).key({
    name: 'stolen from',
    permissions: ['tokens:read', 'tokens:delete'],
  })
  const stolen = await mint(world, key.secret)
  const thiefs = await rotate(world, stolen.token)
  await done(world, thiefs.token, 'revokeAccessToken', '__typename', { id: stolen.id })
  expect(await verdict(world, thiefs.token)).toBe('401 REVOKED')
})

test('revoking the last of a chain leaves the others as they are', async () => {
  const first = await mint(world, workspace.secret)
  const second = await rotate(world, first.token)
  await done(world, second.token, 'revokeAccessToken', '__typename', {})
  expect(await verdict(world, second.token)).toBe('401 REVOKED')
  expect(await verdict(world, first.token)).toBe('401 ROTATED')
})

// The list, its filter and the instant agree: what had expired was not revoked.
test('a token that had expired stays EXPIRED when its key is revoked', async () => {
  const key = await seed(world, workspace.secret).key({ name: 'short' })
  const token = await mint(world, key.secret)
  await rewrite(world, workspace.id, [token], { expiresAt: inSeconds(-1) })
  await done(world, workspace.secret, 'revokeApiKey', '__typename', { id: key.id })
  const query = 'query ($id: ID!) { accessToken(id: $id) { status revokedAt } }'
  const { data } = await world.gql(workspace.secret, query, { id: token.id })
  expect(data.accessToken).toEqual({ status: 'EXPIRED', revokedAt: null })
})
