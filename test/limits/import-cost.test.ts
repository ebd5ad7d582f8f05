import { beforeEach, expect, test } from 'vitest'
import { storesNothing } from '../input/nothing-stored.ts'
import { legacyKey } from '../modules/legacy/ask.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { changePlan, limitTo, remaining } from './ask.ts'

const limit = 10_000

let workspace: TestWorkspace

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  await limitTo(world, workspace, limit)
})

const query = `mutation ($keys: [LegacyKeyInput!]!, $dryRun: Boolean) {
  importLegacyKeys(input: { keys: $keys, dryRun: $dryRun }) {
    results { apiKey { id } errors { code } } errors { code } } }`

const keys = (many: number) => Array.from({ length: many }, () => legacyKey(workspace.ownerId))

const spent = (headers: Headers): number => limit - (remaining(headers).workspace ?? 0)

test.each([1, 2, 17, 1_000])(
  'importLegacyKeys: %i keys cost as much, in a dry run too',
  async (many) => {
    const dry = await world.gql(workspace.secret, query, { keys: keys(many), dryRun: true })
    expect(dry.data.importLegacyKeys.results).toHaveLength(many)
    expect(spent(dry.headers)).toBe(many)
    const { data, headers } = await world.gql(workspace.secret, query, { keys: keys(many) })
    expect(data.importLegacyKeys.results).toHaveLength(many)
    expect(spent(headers)).toBe(2 * many)
  },
)

// The document is the same each time, and its cost is not.
test('importLegacyKeys: costs what it holds this time', async () => {
  let sum = 0
  for (const many of [3, 1, 5, 2]) {
    const { headers } = await world.gql(workspace.secret, query, { keys: keys(many) })
    sum += many
    expect(spent(headers)).toBe(sum)
  }
})

test('importLegacyKeys: keys written in the document, none, and several fields cost what they hold', async () => {
  const literal = keys(3).map(
    ({ name, value, ownerId }) =>
      `{ name: "${name}", value: "${value}", encoding: PLAINTEXT, ownerId: "${ownerId}" }`,
  )
  const field = (list: readonly string[]) =>
    `importLegacyKeys(input: { keys: [${list}] }) { errors { code } }`
  const { headers } = await world.gql(workspace.secret, `mutation { ${field(literal)} }`)
  expect(spent(headers)).toBe(3)
  // One that stands alone is a list of one.
  const single = `mutation { importLegacyKeys(input: { keys: ${literal[0]} }) { errors { code } } }`
  expect(spent((await world.gql(workspace.secret, single)).headers)).toBe(4)
  const both = `mutation { a: ${field(literal)} b: ${field(literal.slice(1))} c: ${field([])} }`
  expect(spent((await world.gql(workspace.secret, both)).headers)).toBe(10)
})

test('importLegacyKeys: more than 1,000 keys in one operation are QUERY_TOO_COMPLEX', async () => {
  const two = `mutation ($a: [LegacyKeyInput!]!, $b: [LegacyKeyInput!]!) {
    a: importLegacyKeys(input: { keys: $a }) { errors { code } }
    b: importLegacyKeys(input: { keys: $b }) { errors { code } } }`
  for (const [document, variables] of [
    [query, { keys: keys(1_001) }],
    [two, { a: keys(600), b: keys(401) }],
  ] as const) {
    const { errors } = await storesNothing(world, () =>
      world.gql(workspace.secret, document, variables),
    )
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COMPLEX'])
  }
})

test('importLegacyKeys: more than the plan has in a minute is RATE_LIMITED, uncharged', async () => {
  await changePlan(world, workspace, 'free')
  const over = await storesNothing(world, () =>
    world.gql(workspace.secret, query, { keys: keys(601), dryRun: true }),
  )
  expect([over.status, over.errors[0]?.extensions.code]).toEqual([429, 'RATE_LIMITED'])
  expect(remaining(over.headers).workspace).toBe(600)
  const { status } = await world.gql(workspace.secret, query, { keys: keys(600), dryRun: true })
  expect(status).toBe(200)
  expect((await world.gql(workspace.secret, query, { keys: keys(1) })).status).toBe(429)
})

test('importLegacyKeys: variables that are none cost 1', async () => {
  for (const variables of [{}, { keys: null }, { keys: [{ name: 'x' }] }, { keys: 7 }]) {
    const before = spent((await world.gql(workspace.secret, '{ viewer { kind } }')).headers)
    const { headers, errors } = await world.gql(workspace.secret, query, variables)
    expect(errors).not.toEqual([])
    expect(spent(headers)).toBe(before + 1)
  }
})
