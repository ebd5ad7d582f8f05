import { expect, test } from 'vitest'
import { importAsOperator } from '../../../src/modules/legacy-import/import-keys.ts'
import type { LegacyKeyInput } from '../../../src/modules/legacy-import/legacy-key.input.ts'
import { addHuman } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { importKeys, importOne, legacyKey } from './ask.ts'
import { roleIn } from './user-level.ts'

useWorkspace()

/** What came of each, in words: what became of it, or its errors as `CODE field`. */
async function importAll(keys: readonly object[], dryRun = false): Promise<string[]> {
  const results = await importAsOperator(world.deps, null, keys as LegacyKeyInput[], { dryRun })
  return results.map(({ isKnown, errors }) =>
    errors.length === 0
      ? isKnown
        ? 'known'
        : 'imported'
      : errors.map(({ code, path }) => [code, ...(path ?? []).slice(1)].join(' ')).join(', '),
  )
}

const owned = (more: object = {}) => legacyKey(workspace.ownerId, more)
const setSunset = ({ id }: TestWorkspace, fromNow: number) =>
  world.deps.prisma.workspace.update({
    where: { id },
    data: { legacyKeySunsetAt: new Date(Date.now() + fromNow) },
  })
const rows = async () => [
  await world.deps.prisma.userLegacyKey.count(),
  await world.deps.prisma.apiKey.count({ where: { userLevel: true } }),
  await world.deps.prisma.auditEvent.count(),
]

test('the secret itself is not needed: its SHA-256 does, as other tools tell it', async () => {
  // printf %s <secret> | sha256sum; … | openssl dgst -sha256 -binary | base64
  const vectors = [
    {
      secret: 'legacy-golden-vector-0001',
      value: 'dcb6f87934f7d5638c6cfd7d55e81741681fa18887aa6e1de75848aec68d2393',
      encoding: 'SHA256_HEX',
    },
    {
      secret: 'legacy-golden-vector-0002',
      value: 'lXIqLKJSbcsCNAAHstc1hVxah1J9s7EmKTmepPqGOi4=',
      encoding: 'SHA256_BASE64',
    },
  ]
  for (const { secret, ...hash } of vectors) {
    expect(await importAll([owned({ ...hash, start: 'leg', last4: '0' })])).toEqual(['imported'])
    expect(await roleIn(world, secret)).toBe('OWNER')
  }
})

test('one bad key does not lose the others, and tells what is wrong with it', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'MEMBER' })
  const good = owned()
  const taken = owned({ name: 'Taken' })
  const keys = [
    good,
    owned({ value: 'too-short' }),
    owned({ name: '' }),
    legacyKey('usr_none'),
    legacyKey(robot.userId),
    taken,
    owned({ name: 'taken' }),
    owned({ value: `lk_${'a'.repeat(30)}` }),
    { ...owned(), value: good.value },
    legacyKey((await addHuman(world, workspace, 'MEMBER')).userId, { value: good.value }),
  ]
  const told = [
    'imported',
    'INVALID value',
    'INVALID name',
    'NOT_FOUND ownerId',
    'INVALID ownerId',
    'imported',
    'NAME_TAKEN name',
    'INVALID value',
    'known',
    'CONFLICT value',
  ]
  const before = await rows()
  expect(await importAll(keys, true)).toEqual(told)
  expect(await rows()).toEqual(before)
  expect(await importAll(keys)).toEqual(told)
  expect(await rows()).toEqual(before.map((count) => count + 2))
  expect(await roleIn(world, good.value)).toBe('OWNER')
  await expectWhole(world, workspace)
})

// Who puts a file in again does not bring back what was ended, nor hear that it works.
test('importing twice is harmless, and one that was revoked stays so and is told', async () => {
  const [key, revoked] = [owned(), owned()]
  expect(await importAll([key, revoked])).toEqual(['imported', 'imported'])
  const { data } = await world.gql(revoked.value, '{ viewer { apiKey { id } } }')
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', data.viewer.apiKey)
  const before = await rows()
  expect(await importAll([key, { ...revoked, name: 'Another name' }])).toEqual([
    'known',
    'CONFLICT value',
  ])
  expect(await rows()).toEqual(before)
  expect(await roleIn(world, revoked.value)).toBe('401 REVOKED')
})

// One secret is one key's: what it can do must not depend on which is found first.
test('a secret is not both a workspace’s and a person’s', async () => {
  const ofWorkspace = await importOne(world, workspace.secret, owned())
  expect(await importAll([owned({ value: ofWorkspace.secret })])).toEqual(['CONFLICT value'])
  const ofPerson = owned()
  expect(await importAll([ofPerson])).toEqual(['imported'])
  const { results } = await importKeys(world, workspace.secret, [owned({ value: ofPerson.value })])
  expect(results).toEqual([['CONFLICT value']])
})

// Nor do they keep out those of the workspace: it did not ask for them, and may not even see them.
test('the plan of a workspace does not keep its members’ own keys out', async () => {
  const small = await world.createWorkspace()
  await world.deps.prisma.workspace.update({
    where: { id: small.id },
    data: { enterpriseKeyLimit: 2 },
  })
  const own = [legacyKey(small.ownerId), legacyKey(small.ownerId)]
  expect(await importAll(own)).toEqual(['imported', 'imported'])
  const { data } = await world.gql(small.secret, '{ workspace { apiKeyCount keyLimit } }')
  expect(data.workspace).toEqual({ apiKeyCount: 1, keyLimit: 2 })
  const create = (name: string) => outcome(world, small.secret, 'createApiKey', { name })
  expect([await create('second'), await create('third')]).toEqual([['done'], ['LIMIT_REACHED']])
})

test('a thousand keys of people in several workspaces go in at once', async () => {
  const people = Array.from({ length: 50 }, () => addHuman(world, workspace, 'MEMBER'))
  const owners = await Promise.all(people)
  const other = await world.createWorkspace()
  await world.deps.prisma.member.createMany({
    data: owners.map(({ userId, memberId }) => ({
      workspaceId: other.id,
      id: memberId,
      userId,
      role: 'MEMBER',
      name: 'Both',
      createdAt: new Date(),
    })),
  })
  const before = await rows()
  const keys = Array.from({ length: 1_000 }, (_, index) =>
    legacyKey(owners[index % owners.length]?.userId ?? ''),
  )
  expect(new Set(await importAll(keys))).toEqual(new Set(['imported']))
  expect(await rows()).toEqual(before.map((count, index) => count + (index === 0 ? 1 : 2) * 1_000))
  const secret = keys[17]?.value ?? ''
  expect(await roleIn(world, secret)).toBe('API_KEY in none')
  expect(await roleIn(world, secret, other)).toBe('MEMBER')
  await expectWhole(world, other)
})

test('an owner who is no id of ours is the problem of that key alone', async () => {
  const keys = [owned(), legacyKey('usr_\0'), legacyKey('\ud800'), legacyKey('')]
  const told = ['imported', ...Array(3).fill('NOT_FOUND ownerId')]
  expect(await importAll(keys)).toEqual(told)
})

test('after the sunset of every workspace of a person theirs are refused', async () => {
  const past = await world.createWorkspace()
  const person = await addHuman(world, past, 'MEMBER')
  await setSunset(past, -1_000)
  expect(await importAll([legacyKey(person.userId)])).toEqual(['WRONG_STATE'])
  const other = await world.createWorkspace()
  await world.deps.prisma.member.create({
    data: {
      workspaceId: other.id,
      id: person.memberId,
      userId: person.userId,
      role: 'MEMBER',
      name: 'Both',
      createdAt: new Date(),
    },
  })
  const key = legacyKey(person.userId)
  expect(await importAll([key])).toEqual(['imported'])
  expect(await roleIn(world, key.value, other)).toBe('MEMBER')
})
