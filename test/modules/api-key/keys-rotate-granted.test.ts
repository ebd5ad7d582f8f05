import { afterAll, beforeAll, expect, test } from 'vitest'
import { permissionNames } from '../../../src/auth/permissions.ts'
import { seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { attempt } from './ask.ts'

let world: World
let workspace: TestWorkspace
let admin: string

// A key as it was written out before there was keys:rotate: every permission by its name.
beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const permissions = permissionNames.filter((name) => name !== 'keys:rotate')
  admin = (await seed(world, workspace.secret).key({ name: 'old', permissions, allSpaces: true }))
    .secret
})
afterAll(() => world.close())

test('addMember, createMachineUser: keys:update is as good as keys:rotate in the role that is given', async () => {
  const member = { email: 'ada@example.com', role: 'MEMBER' }
  expect((await attempt(world, admin, 'addMember', member)).codes).toEqual([])
  const machine = { name: 'CI', role: 'MEMBER' }
  expect((await attempt(world, admin, 'createMachineUser', machine)).codes).toEqual([])
})

test('createApiKey: who holds keys:update makes a key that may do no more than rotate itself', async () => {
  const input = { name: 'rotates', permissions: ['keys:rotate'] }
  expect((await attempt(world, admin, 'createApiKey', input)).codes).toEqual([])
})
