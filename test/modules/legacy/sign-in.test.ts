import { afterAll, beforeAll, expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import { view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { attempt } from '../api-key/ask.ts'
import { importKeys, legacyKey } from './ask.ts'

let signIn: SignInWorld
let workspace: TestWorkspace

beforeAll(async () => {
  signIn = await createSignInWorld()
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

// Their live role cuts it, as it cuts any key of theirs.
test('a person imports keys of their own that declare more than their role, and migrates them', async () => {
  const { world } = signIn
  const robot = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'ADMIN' })
  await signIn.invite(workspace, 'ann', 'BUILDER')
  const token = await signIn.person('ann')
  const who = await whoIs(world, token)
  if (typeof who === 'string') throw new Error(who)
  const own = legacyKey(who.user.id, { permissions: ['*'], allSpaces: true })
  const { results, keys } = await importKeys(world, token, [
    own,
    legacyKey(robot.userId),
    legacyKey(workspace.ownerId),
  ])
  expect(results).toEqual([
    ['imported'],
    ['PERMISSION_NOT_GRANTABLE ownerId'],
    ['PERMISSION_NOT_GRANTABLE ownerId'],
  ])
  const can = await view(world, token)
  expect(await view(world, own.value)).toEqual(can)
  const { payload } = await attempt(
    world,
    token,
    'migrateLegacyKey',
    { id: keys[0].id },
    'secret apiKey { createdByKeyId }',
  )
  expect(payload.apiKey.createdByKeyId).toBeNull()
  expect(await view(world, payload.secret)).toEqual(can)
})
