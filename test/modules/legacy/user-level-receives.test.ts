import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import {
  createSignInWorld,
  join,
  membersOf,
  type SignInWorld,
} from '../../sign-in/sign-in-world.ts'
import { importUserLevelKey, inWorkspace, roleIn } from './user-level.ts'

let signIn: SignInWorld
beforeAll(async () => {
  signIn = await createSignInWorld()
})
afterAll(() => signIn.close())

test('a user-level key is the receiver of a secret, and includeCreated takes the key that it was given', async () => {
  const { world, person, invite } = signIn
  const [first, second] = [await world.createWorkspace(), await world.createWorkspace()]
  for (const workspace of [first, second]) await invite(workspace, 'holder', 'ADMIN')
  const token = await person('holder')
  await join(world, token, [first, second])
  const member = (await membersOf(world, second))['holder@example.com']
  const key = await importUserLevelKey(world, member?.userId ?? '')
  const make = seed(world, second.secret)
  const { userId: ownerId } = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const { id } = await make.key({ name: 'taken', ownerId })
  const there = inWorkspace(world, second)
  const rotation = { id, overlapSeconds: 0 }
  const { secret } = await done(there, key.secret, 'rotateApiKey', 'secret', rotation)

  const widen = (permissions: string[]) =>
    outcome(world, second.secret, 'updateApiKey', { id, permissions })
  const update = (role: string) =>
    done(world, second.secret, 'updateMember', 'member { id }', { id: member?.id, role })
  expect(await widen(['members:read'])).toEqual(['done'])
  await update('MEMBER')
  expect(await widen(['members:read', 'scopes:read'])).toEqual([
    'PERMISSION_NOT_GRANTABLE input.id',
  ])
  await update('ADMIN')
  const all = { id: key.id, includeCreated: true }
  const revoked = await done(inWorkspace(world, first), token, 'revokeApiKey', 'revokedCount', all)
  expect(revoked.revokedCount).toBe(2)
  expect(await roleIn(world, secret)).toBe('401 REVOKED')
})
