import { beforeAll, expect, test } from 'vitest'
import { importFile, type KeyOfFile } from '../../../src/modules/legacy-import/import-file.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { legacySecret } from './ask.ts'
import { roleIn } from './user-level.ts'

let first: TestWorkspace

useWorld()
beforeAll(async () => {
  first = await world.createWorkspace()
})

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
async function importAll(
  keys: readonly KeyOfFile[],
  workspace?: string,
  dryRun = false,
): Promise<string[]> {
  const { results } = await importFile(world.deps, keys, { workspace, dryRun })
  return results.map((result) => {
    if (result === undefined) return 'unknown'
    const { isKnown, errors } = result
    return errors.length > 0
      ? errors.map(({ code, path }) => [code, ...(path ?? [])].join(' ')).join(', ')
      : isKnown
        ? 'known'
        : 'imported'
  })
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

// In another workspace somebody else may have entered the address of whoever they like.
test('with several workspaces a workspace’s key and an address need the name of one', async () => {
  const second = await world.createWorkspace()
  const mixed = () => [key(), key({ level: 'user' }), key({ level: 'user', owner: first.ownerId })]
  expect(await importAll(mixed())).toEqual(['INVALID level', 'INVALID owner', 'imported'])
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

test('after the sunset of a workspace all of its keys are refused, each by itself', async () => {
  const third = await world.createWorkspace()
  await world.deps.prisma.workspace.update({
    where: { id: third.id },
    data: { legacyKeySunsetAt: new Date(Date.now() - 1_000) },
  })
  const keys = [key(), key({ name: '' }), key({ level: 'user' })]
  expect(await importAll(keys, third.slug)).toEqual(Array(3).fill('WRONG_STATE'))
})

test('of several thousand with the same secret one is a key', async () => {
  const value = legacySecret()
  const same = Array.from({ length: 1_500 }, () => key({ value }))
  const told = await importAll([...same, key({ value, level: 'user' })], first.slug)
  expect(told.slice(0, -1)).toEqual(['imported', ...Array(1_499).fill('known')])
  expect(told.at(-1)).toBe('CONFLICT value')
})

test('an owner that no database can hold is the problem of its row alone', async () => {
  const owners = ['\0', 'usr_\0', 'a\0@example.com', 'a\ud800@example.com', '\udc00']
  const keys = owners.flatMap((owner) => [key({ owner }), key({ owner, level: 'user' })])
  const told = await importAll([...keys, key(), key({ level: 'user' })], first.slug)
  expect(told).toEqual([...keys.map(() => 'NOT_FOUND owner'), 'imported', 'imported'])
})

// A dry run that promises more than is done is worse than none.
test('a dry run of several thousand tells what the import does', async () => {
  const small = await world.createWorkspace()
  await world.deps.prisma.workspace.update({
    where: { id: small.id },
    data: { enterpriseKeyLimit: 1_200 },
  })
  const [value, name] = [legacySecret(), 'Twice']
  const keys = [key({ value }), key({ name }), ...Array.from({ length: 1_100 }, () => key())]
  keys.push(key({ value }), key({ name }), ...Array.from({ length: 200 }, () => key()))
  const foretold = await importAll(keys, small.slug, true)
  expect(await importAll(keys, small.slug)).toEqual(foretold)
  expect(foretold.slice(1_102, 1_104)).toEqual(['known', 'NAME_TAKEN name'])
  expect(foretold.filter((it) => it === 'imported')).toHaveLength(1_199)
  expect(foretold.at(-1)).toBe('LIMIT_REACHED')
})

test('what was imported before a failure is told, and what was not', async () => {
  const keys = Array.from({ length: 2_100 }, () => key())
  const { prisma } = world.deps
  const taken = prisma.$transaction.bind(prisma)
  let calls = 0
  // The database goes away after the first thousand.
  const failing = new Proxy(prisma, {
    get: (target, property) =>
      property === '$transaction'
        ? (...args: Parameters<typeof taken>) => {
            calls += 1
            if (calls > 1) throw new Error('Connection terminated')
            return taken(...args)
          }
        : Reflect.get(target, property),
  })
  const options = { workspace: first.slug, dryRun: false }
  const { results, failure } = await importFile({ ...world.deps, prisma: failing }, keys, options)
  expect(failure).toMatchObject({ message: 'Connection terminated' })
  expect(results.slice(0, 1_000).every((it) => it?.errors.length === 0)).toBe(true)
  expect(new Set(results.slice(1_000))).toEqual(new Set([undefined]))
  expect(new Set((await importAll(keys, first.slug)).slice(0, 1_000))).toEqual(new Set(['known']))
})
