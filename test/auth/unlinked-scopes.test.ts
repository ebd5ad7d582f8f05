import { beforeAll, beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type View, view } from '../setup/view.ts'

let robot: string
let scopeId: string

let count = 0
const name = (): string => `Name ${++count}`
const agents = ['spaces:read', 'agents:read', 'agents:delete']
/** May change keys and scopes, and holds nothing of what they give. */
let weak: string

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
  const permissions = ['keys:read', 'keys:update', 'scopes:read', 'scopes:update']
  weak = (await make.key({ name: name(), permissions, allSpaces: true })).secret
})

beforeEach(async () => {
  scopeId = await seed(world, workspace.secret).scope({ name: name(), permissions: agents })
})

const make = (input: object) => seed(world, workspace.secret).key({ name: name(), ...input })
const update = (secret: string, input: object) =>
  outcome(world, secret, 'updateApiKey', { ...input })
const setScope = (secret: string, permissions: string[]) =>
  outcome(world, secret, 'updateScope', { id: scopeId, permissions })
const held = async (secret: string) => ((await view(world, secret)) as View).permissions

test('updateApiKey: unlinking a scope and keeping its permissions is widening', async () => {
  const { id, secret } = await make({ ownerId: robot, scopeIds: [scopeId], allSpaces: true })
  expect(new Set(await update(weak, { id, scopeIds: [], permissions: agents }))).toEqual(
    new Set([0, 1, 2].map((index) => `PERMISSION_NOT_GRANTABLE input.permissions.${index}`)),
  )
  expect(new Set(await update(weak, { id, permissions: ['spaces:read'] }))).toEqual(
    new Set([
      'PERMISSION_NOT_GRANTABLE input.permissions.0',
      'PERMISSION_NOT_GRANTABLE input.scopeIds.0',
    ]),
  )
  // So whoever narrows the scope reaches the key still.
  expect(await setScope(workspace.secret, ['spaces:read'])).toEqual(['done'])
  expect(await held(secret)).toEqual(['spaces:read'])
})

test('updateApiKey: what a scope and the key both hold may be unlinked, not the other way', async () => {
  const both = { permissions: agents, scopeIds: [scopeId], allSpaces: true }
  const { id, secret } = await make({ ownerId: robot, ...both })
  expect(await update(weak, { id, scopeIds: [] })).toEqual(['done'])
  expect(await held(secret)).toEqual(agents)
  expect(await update(weak, { id, scopeIds: [scopeId] })).not.toEqual(['done'])
  expect(await update(weak, { id, permissions: ['spaces:read', 'agents:read'] })).toEqual(['done'])
  expect(await held(secret)).toEqual(['spaces:read', 'agents:read'])
})

test("updateApiKey: another person's key keeps nothing of an unlinked scope", async () => {
  const bob = await addHuman(world, workspace, 'BUILDER')
  const scopes = [{ id: scopeId, permissions: agents }]
  const { id } = await humanKey(world, workspace, bob, { scopes, allSpaces: true })
  const kept = { id, scopeIds: [], permissions: agents }
  expect(await update(workspace.secret, kept)).toEqual(['PERMISSION_NOT_GRANTABLE input.id'])
  expect(await update(workspace.secret, { id, scopeIds: [] })).toEqual(['done'])
})

// Else the key would keep by its scope what it loses of its own later.
test('updateScope: a scope that gains what a linked key holds itself is tested for that key', async () => {
  expect(await setScope(workspace.secret, ['spaces:read'])).toEqual(['done'])
  const permissions = [...agents, 'members:read']
  const key = await make({ permissions, scopeIds: [scopeId], allSpaces: true })
  const some = ['scopes:read', 'scopes:update', ...agents]
  const author = await make({ permissions: some, allSpaces: true })
  expect(await setScope(author.secret, agents)).toEqual([
    'PERMISSION_NOT_GRANTABLE input.permissions',
  ])
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    permissions: agents,
  })
  expect(await setScope(author.secret, agents)).toEqual(['done'])
  expect(await setScope(weak, ['spaces:read'])).toEqual(['done'])
})
