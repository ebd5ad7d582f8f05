import { afterAll, beforeAll, expect, test } from 'vitest'
import { importFile, type KeyOfFile } from '../../../src/modules/api-key/import-file.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { legacySecret } from './ask.ts'
import { roleIn } from './user-level.ts'

let world: World
let first: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  first = await world.createWorkspace()
})
afterAll(() => world.close())

let count = 0
const key = (more: Partial<KeyOfFile> = {}): KeyOfFile => ({
  name: `Key ${++count}`,
  value: legacySecret(),
  encoding: 'PLAINTEXT',
  owner: 'olga@example.com',
  level: 'workspace',
  spaceIds: [],
  allSpaces: false,
  permissions: [],
  ...more,
})

/** What came of each, in words. */
async function importAll(keys: readonly KeyOfFile[], workspace?: string): Promise<string[]> {
  const results = await importFile(world.deps, keys, { workspace, dryRun: false })
  return results.map(({ isKnown, errors }) =>
    errors.length > 0
      ? errors.map(({ code, path }) => [code, ...(path ?? [])].join(' ')).join(', ')
      : isKnown
        ? 'known'
        : 'imported',
  )
}

test('the only workspace need not be named', async () => {
  const keys = [key(), key({ level: 'user' })]
  expect(await importAll(keys)).toEqual(['imported', 'imported'])
  for (const { value } of keys) expect(await roleIn(world, value)).toBe('OWNER')
})

// The operator is nobody’s guest: a person’s key is theirs, and a machine’s that of its workspace.
test('keys are imported for any member, of any strength', async () => {
  const machine = await seed(world, first.secret).machine({ name: 'Robot', role: 'ADMIN' })
  const { member } = await done(world, first.secret, 'addMember', 'member { user { id } }', {
    email: 'Mia@Example.com',
    role: 'MEMBER',
  })
  const all = { allSpaces: true, permissions: ['*'] }
  const keys = [
    key({ owner: machine.userId, ...all }),
    key({ owner: member.user.id, ...all }),
    key({ owner: 'mia@EXAMPLE.com', ...all }),
    key({ owner: machine.userId, level: 'user' }),
  ]
  expect(await importAll(keys)).toEqual(['imported', 'imported', 'imported', 'INVALID owner'])
  expect(await Promise.all(keys.slice(0, 3).map(({ value }) => roleIn(world, value)))).toEqual([
    'ADMIN',
    'MEMBER',
    'MEMBER',
  ])
})

test('with several workspaces a workspace’s key needs its name, and an address one owner', async () => {
  const second = await world.createWorkspace()
  const mixed = () => [key(), key({ level: 'user' }), key({ level: 'user', owner: first.ownerId })]
  // Olga is another user in each of them.
  expect(await importAll(mixed())).toEqual(['INVALID level', 'CONFLICT owner', 'imported'])
  expect(await importAll(mixed(), second.slug)).toEqual(['imported', 'imported', 'imported'])
  const keys = [
    key(),
    key({ owner: first.ownerId }),
    key({ level: 'user', owner: 'mia@example.com' }),
  ]
  expect(await importAll(keys, second.slug)).toEqual([
    'imported',
    'NOT_FOUND owner',
    'NOT_FOUND owner',
  ])
  await expect(importAll(keys, 'none')).rejects.toThrow('There is no workspace "none".')
})

test('after the sunset of a workspace its own keys are refused, each by itself', async () => {
  const third = await world.createWorkspace()
  await world.deps.prisma.workspace.update({
    where: { id: third.id },
    data: { legacyKeySunsetAt: new Date(Date.now() - 1_000) },
  })
  const keys = [key(), key({ name: '' }), key({ level: 'user' })]
  expect(await importAll(keys, third.slug)).toEqual(['WRONG_STATE', 'WRONG_STATE', 'imported'])
  expect(await roleIn(world, keys[2]?.value ?? '')).toBe('401 EXPIRED')
})

test('of several thousand with the same secret one is a key', async () => {
  const value = legacySecret()
  const same = Array.from({ length: 1_500 }, () => key({ value }))
  const told = await importAll([...same, key({ value, level: 'user' })], first.slug)
  expect(told.slice(0, -1)).toEqual(['imported', ...Array(1_499).fill('known')])
  expect(told.at(-1)).toBe('CONFLICT value')
})
