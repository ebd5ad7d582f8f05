import { expect, test } from 'vitest'
import { fullTerms } from '../../src/auth/delegation.ts'
import { newId } from '../../src/ids.ts'
import { nameKey } from '../../src/input/text.ts'
import {
  type LegacyKeyInput,
  parseLegacyKey,
} from '../../src/modules/legacy-import/legacy-key.input.ts'
import {
  emptyContext,
  hashText,
  type ImportContext,
  nameSlot,
  type Owner,
  planImport,
} from '../../src/modules/legacy-import/plan-import.ts'

const [ada, bob] = [newId('usr'), newId('usr')]
const owners = new Map<string, Owner>(
  [ada, bob].map((id) => [id, { id, kind: 'HUMAN', workspaceIds: ['here', 'there'] }]),
)
const rules = { prefixes: new Set(['lk']), allowsHashes: true }

let count = 0
const key = (more: Partial<LegacyKeyInput> = {}) =>
  parseLegacyKey(
    {
      name: `Key ${++count}`,
      ownerId: ada,
      value: `old-secret-number-${count}`,
      encoding: 'PLAINTEXT',
      ...more,
    },
    rules,
  )

/** The decision on each key, in words. */
const planned = (context: Partial<ImportContext>, keys: readonly ReturnType<typeof key>[]) =>
  planImport({ ...emptyContext, level: 'workspace', owners, ...context }, keys).map(
    ({ id, created, problems }) =>
      problems.errors.map(({ code, path }) => [code, ...(path ?? []).slice(1)].join(' ')).join() ||
      (created ? 'created' : `known ${id}`),
  )

test('planImport: a key is checked against what is stored', () => {
  const [known, other, revoked] = [key(), key({ permissions: ['agents:read'] }), key()]
  const secrets = new Map([
    [
      hashText(known.secret.hash),
      { ...fullTerms(ada), permissions: [], allSpaces: false, id: 'k' },
    ],
    [hashText(other.secret.hash), { ...fullTerms(ada), id: 'other' }],
    [hashText(revoked.secret.hash), null],
  ])
  expect(planned({ secrets }, [known, other, revoked, key()])).toEqual([
    'known k',
    'CONFLICT value',
    'CONFLICT value',
    'created',
  ])
})

test('planImport: a key is checked against those before it, unless they are refused', () => {
  const value = 'old-the-same-secret'
  const keys = [
    key({ value, ownerId: 'usr_none' }),
    key({ value, name: 'One' }),
    key({ value }),
    key({ value, ownerId: bob }),
    key({ name: ' ONE ' }),
    key({ name: 'one', ownerId: bob }),
  ]
  const [first, created, same, ...others] = planned({}, keys)
  expect([first, created, ...others]).toEqual([
    'NOT_FOUND ownerId',
    'created',
    'CONFLICT value',
    'NAME_TAKEN name',
    'created',
  ])
  expect(same).toMatch(/^known key_/)
})

test('planImport: names in every workspace of the owner, and the capacity, are kept to', () => {
  const holder = { workspaceId: 'there', id: 'k', isExpired: false, isReadable: true }
  const named = (more: object) =>
    new Map([[nameSlot('there', ada, nameKey('Taken')), { ...holder, ...more }]])
  const taken = () => [key({ name: 'taken' })]
  expect(planned({ names: named({}) }, taken())).toEqual(['NAME_TAKEN name'])
  expect(planned({ names: named({ isReadable: false }) }, taken())).toEqual(['INVALID name'])
  expect(planned({ names: named({ isExpired: true }) }, taken())).toEqual(['created'])
  expect(planned({ capacity: 1 }, [key(), key()])).toEqual(['created', 'LIMIT_REACHED'])
})

test('planImport: a user-level key needs a person, and a workspace before its sunset', () => {
  const machine: Owner = { id: bob, kind: 'MACHINE', workspaceIds: ['here'] }
  const people = { level: 'user', owners: new Map([...owners, [bob, machine]]) } as const
  const pastSunset = new Set(['here'])
  const keys = () => [key(), key({ ownerId: bob })]
  expect(planned({ ...people, pastSunset }, keys())).toEqual(['created', 'INVALID ownerId'])
  expect(planned({ ...people, pastSunset: new Set(['here', 'there']) }, [key()])).toEqual([
    'WRONG_STATE',
  ])
})
