import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  FindSpacesDocument,
  type FindSpacesQuery,
  type FindSpacesQueryVariables,
} from '../generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { type Answer, createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { expectSafe } from './nothing-stored.ts'

let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  for (const name of ['one', 'two', 'three']) await make.space({ name })
})
afterAll(() => world.close())

const roots = [
  ...['spaces', 'agents', 'apiKeys', 'accessTokens', 'scopes', 'members', 'workspaces'],
  'auditEvents',
]
const nested = [
  'spaces { nodes { agents(ARGS) { nodes { id } } } }',
  'spaces { nodes { apiKeys(ARGS) { nodes { id } } } }',
  'spaces { nodes { members(ARGS) { nodes { id } } } }',
  'members { nodes { spaces(ARGS) { nodes { id } } } }',
  'members { nodes { apiKeys(ARGS) { nodes { id } } } }',
  'apiKeys { nodes { accessTokens(ARGS) { nodes { id } } } }',
]

/** Every list of the API, root and nested, with these arguments. */
const lists = (args: string): string[] => [
  ...roots.map((root) => `{ ${root}(${args}) { nodes { __typename } } }`),
  ...nested.map((list) => `{ ${list.replace('ARGS', args)} }`),
]

async function expectBadInput(args: string, path: readonly string[]): Promise<void> {
  for (const query of lists(args)) {
    const answer = await world.gql(workspace.secret, query)
    expectSafe(answer)
    expect(answer.errors[0]?.extensions, query).toMatchObject({ code: 'BAD_USER_INPUT', path })
  }
}

// A page that is quietly cut makes a client believe that it has seen everything.
test('first outside 1 to 100 is refused, never clamped', async () => {
  for (const first of [0, 101, -1, -5, 2_147_483_647, -2_147_483_648])
    await expectBadInput(`first: ${first}`, ['first'])
  for (const first of [1, 100])
    for (const query of lists(`first: ${first}`))
      expect((await world.gql(workspace.secret, query)).errors, query).toEqual([])
})

test('a first that is no 32-bit integer is refused', async () => {
  const query = 'query ($first: Int) { spaces(first: $first) { nodes { id } } }'
  for (const first of [2 ** 31, 1.5, '5', [5], true, {}]) {
    const answer = await world.gql(workspace.secret, query, { first })
    expectSafe(answer)
    expect(answer.errors[0]?.extensions.code, JSON.stringify(first)).toBe('BAD_USER_INPUT')
  }
  const literal = await world.gql(
    workspace.secret,
    '{ spaces(first: 2147483648) { nodes { id } } }',
  )
  expect(literal.errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
})

test('absent and null are the default page, from the start', async () => {
  const { data } = await world.run(workspace.secret, FindSpacesDocument, {
    first: null,
    after: null,
    filter: null,
  })
  expect(data?.spaces?.nodes.map(({ name }) => name)).toEqual(['three', 'two', 'one'])
  expect(data?.spaces?.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64url')

test('a forged cursor is refused', async () => {
  const id = `spc_${'0'.repeat(26)}`
  const forged = [
    '',
    'x',
    '0',
    'null',
    '!!!',
    id,
    '{"id":1}',
    '[]',
    base64('{}'),
    base64(JSON.stringify({ id, createdAt: 0 })),
    base64(`GPC:S:${id}`),
    base64('0'),
    base64(`.${id}`),
    base64(`0.${id}.0`),
    base64('0.x'),
    base64(`-1.${id}`),
    base64(`1e9.${id}`),
    base64(`999999999999999.${id}`),
    base64(`0.${id}\u0000`),
    base64(`0.${id}' OR TRUE`),
    `${base64(`0.${id}`)}=`,
    Buffer.from(`0.${id}~~~`).toString('base64'),
    'x'.repeat(5_000),
    '\u0000',
    '\ud800',
  ]
  const query = 'query ($after: String) { spaces(after: $after) { nodes { id } } }'
  for (const after of forged) {
    const answer = await world.gql(workspace.secret, query, { after })
    expectSafe(answer)
    expect(answer.errors[0]?.extensions, after).toMatchObject({
      code: 'BAD_USER_INPUT',
      path: ['after'],
    })
  }
  await expectBadInput('after: "x"', ['after'])
  for (const after of [5, true, {}, ['x']]) {
    const answer = await world.gql(workspace.secret, query, { after })
    expectSafe(answer)
    expect(answer.errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
  }
})

// A cursor is a place, not a row: one made of a foreign or an invented id tells nothing of either.
test('a well-formed cursor of anything is a place in time', async () => {
  const other = await world.createWorkspace()
  const foreign = await seed(world, other.secret).space({ name: 'foreign' })
  const page = async (after: string) => {
    const answer = await world.run(workspace.secret, FindSpacesDocument, { after })
    expect(answer.errors).toEqual([])
    return answer.data?.spaces?.nodes.map(({ name }) => name)
  }
  const times = { future: 99_999_999_999_999, past: 0 }
  for (const id of [foreign, `spc_${'0'.repeat(26)}`, `key_${'0'.repeat(26)}`]) {
    expect(await page(base64(`${times.past}.${id}`))).toEqual([])
    expect(await page(base64(`${times.future}.${id}`))).toEqual(['three', 'two', 'one'])
  }
})

test('pages follow each other without a gap, however small', async () => {
  const names: string[] = []
  let after: string | null = null
  for (let page = 0; page < 10; page++) {
    const variables: FindSpacesQueryVariables = { first: 1, after }
    const { data }: Answer<FindSpacesQuery | null> = await world.run(
      workspace.secret,
      FindSpacesDocument,
      variables,
    )
    const spaces = data?.spaces
    names.push(...(spaces?.nodes ?? []).map(({ name }) => name))
    after = spaces?.pageInfo.endCursor ?? null
    if (!spaces?.pageInfo.hasNextPage) break
  }
  expect(names).toEqual(['three', 'two', 'one'])
})

// Wildcards of SQL must not turn a search into another one.
test('search looks for the text itself, in any case', async () => {
  const own = await world.createWorkspace()
  const there = seed(world, own.secret)
  const names = ['half%', 'half percent', 'a_b', 'aXb', 'c\\d', "it's", 'Grüße', 'GRÜßE 2']
  for (const name of names) {
    const space = await there.space({ name })
    await there.scope({ name })
    await there.key({ name })
    await there.agent({ name, spaceIds: [space] })
    await there.machine({ name, role: 'MEMBER' })
  }
  const found: readonly (readonly [string, readonly string[]])[] = [
    ['%', ['half%']],
    ['_', ['a_b']],
    ['a_b', ['a_b']],
    ['\\', ['c\\d']],
    ['\\d', ['c\\d']],
    ["'", ["it's"]],
    ['%%', []],
    ['half', ['half percent', 'half%']],
    ['grü', ['GRÜßE 2', 'Grüße']],
    ['A_', ['a_b']],
  ]
  for (const list of ['spaces', 'scopes', 'apiKeys', 'agents', 'members']) {
    const name = list === 'members' ? 'user { name }' : 'name'
    const query = `query ($search: String) { it: ${list}(filter: { search: $search }) { nodes { ${name} } } }`
    for (const [search, expected] of found) {
      const { data, errors } = await world.gql(own.secret, query, { search })
      expect(errors).toEqual([])
      const got = data.it.nodes.map((node: any) => node.name ?? node.user.name)
      expect(got.sort(), `${list} ${search}`).toEqual([...expected].sort())
    }
    for (const search of ['a\u0000', '\u0000', '\ud800', 'x'.repeat(101)]) {
      const answer = await world.gql(own.secret, query, { search })
      expectSafe(answer)
      expect(answer.errors[0]?.extensions, `${list} ${search}`).toMatchObject({
        code: 'BAD_USER_INPUT',
        path: ['filter', 'search'],
      })
    }
    const empty = await world.gql(own.secret, query, { search: '' })
    expect(empty.data.it.nodes.length, list).toBeGreaterThan(7)
  }
})
