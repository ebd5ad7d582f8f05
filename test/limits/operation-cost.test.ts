import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import type { Principal } from '../../src/auth/caller.ts'
import type { Deps } from '../../src/deps.ts'
import { operationSize } from '../../src/limits/operation-cost.ts'
import { schema } from '../../src/schema/schema.ts'

/** An owner's key, in a workspace of 15 spaces. */
const context = {
  deps: { documents: { maxCount: 20 } } as Deps,
  principal: { workspaceId: 'wsp', liveSpaces: 15, rights: { allSpaces: true } } as Principal,
}

const cost = (
  query: string,
  variableValues: Record<string, unknown> = {},
  operationName?: string,
): number => {
  const document = parse(query)
  expect(validate(schema, document)).toEqual([])
  const isFree = ({ extensions }: { readonly extensions: { isFree?: unknown } }): boolean =>
    extensions.isFree === true
  return operationSize({ schema, document, variableValues, operationName }, { isFree, context })
    .cost
}

const id = 'agt_00000000000000000000000000'

test('an operation costs what its root fields and what they lead to cost', () => {
  expect(cost('{ workspace { name } }')).toBe(1)
  const agents = Array.from({ length: 30 }, (_, index) => `a${index}: agent(id: "${id}") { name }`)
  expect(cost(`{ ${agents.join(' ')} }`)).toBe(30)
  expect(
    cost('{ spaces(first: 50) { nodes { name agents(first: 50) { nodes { name } } } } }'),
  ).toBe(51)
  expect(cost('{ viewer { role user { name } workspace { name } } }')).toBe(3)
})

test('edges, nodes, pages and values are free, and all the same rows', () => {
  const page = 'nodes { id createdBy { name } } pageInfo { endCursor }'
  expect(cost(`{ agents(first: 10) { ${page} } }`)).toBe(11)
  expect(cost('{ agents(first: 10) { edges { cursor node { createdBy { name } } } } }')).toBe(11)
  expect(cost(`{ agents(first: 10) { ${page} edges { node { createdBy { id } } } } }`)).toBe(21)
  expect(cost('{ permissions { name } }')).toBe(1)
})

test('a list without pages counts 20, one of values by what is in it alone', () => {
  const key = 'apiKey(id: "key_00000000000000000000000000")'
  expect(cost(`{ ${key} { scopes { name } } }`)).toBe(2)
  expect(cost(`{ ${key} { scopes { apiKeys { nodes { id } } } } }`)).toBe(22)
  expect(cost(`{ ${key} { spaces { spaceId } } }`)).toBe(1)
  expect(cost(`{ ${key} { spaces { space { name } } } }`)).toBe(21)
})

test("a payload's own entity is free, and what it leads to is not", () => {
  const made = (selection: string) =>
    cost(`mutation { createSpace(input: { name: "x" }) { ${selection} errors { code } } }`)
  expect(made('space { name }')).toBe(1)
  expect(made('space { agents { nodes { createdBy { name } } } }')).toBe(22)
  const revoked = (selection: string) =>
    cost(`mutation { revokeApiKeys(input: { filter: {} }) { ${selection} errors { code } } }`)
  expect(revoked('revokedCount')).toBe(1)
  expect(revoked('apiKeys { name labels { value } }')).toBe(2)
  expect(revoked('apiKeys { owner { name } }')).toBe(22)
})

test('a page is as long as first says, by itself, by a variable or by its default', () => {
  const query = (first: string) =>
    `query ($first: Int${first}) { spaces(first: $first) { nodes { agents { nodes { id } } } } }`
  expect(cost(query(''))).toBe(21)
  expect(cost(query(''), { first: null })).toBe(21)
  expect(cost(query(''), { first: 7 })).toBe(8)
  expect(cost(query(' = 30'))).toBe(31)
  expect(cost(query(' = 30'), { first: 7 })).toBe(8)
  expect(cost('{ spaces(first: null) { nodes { agents { nodes { id } } } } }')).toBe(21)
})

// What the executor leaves out or makes one of costs as much as it does.
test('what is run is counted, as often as it is', () => {
  expect(cost('{ workspace { name } workspace { id } }')).toBe(1)
  expect(
    cost(
      '{ viewer { ...A ...A ... on Viewer { user { id } } } } fragment A on Viewer { user { name } }',
    ),
  ).toBe(2)
  expect(
    cost('{ a: viewer { ...A } b: viewer { ...A } } fragment A on Viewer { user { name } }'),
  ).toBe(4)
  const conditional = `query ($yes: Boolean = true, $no: Boolean = false) {
    viewer { user @include(if: $yes) { id } workspace @include(if: $no) { id } ...K @skip(if: $yes) }
  } fragment K on Viewer { apiKey { id } }`
  expect(cost(conditional)).toBe(2)
  expect(cost(conditional, { no: true })).toBe(3)
  expect(cost(conditional, { yes: false })).toBe(2)
})

test('the operation that is named is counted, and no other', () => {
  const two = 'query A { viewer { user { id } } } query B { workspace { id } }'
  expect(cost(two, {}, 'A')).toBe(2)
  expect(cost(two, {}, 'B')).toBe(1)
})

const onAgent = '... on Agent { sessions(first: 7) { nodes { createdBy { name } } } }'
const onSpace =
  '... on Space { agents(first: 30) { nodes { createdBy { name } spaces { name } } } }'
const ids = (length: number): string => JSON.stringify(Array.from({ length }, () => id))

test('an object by its id costs what it does by its own query field', () => {
  expect(cost(`{ node(id: "${id}") { id } }`)).toBe(1)
  const selection = 'createdBy { name } spaces { apiKeys(first: 3) { nodes { id } } }'
  const own = cost(`{ agent(id: "${id}") { ${selection} } }`)
  expect(own).toBe(23)
  expect(cost(`{ node(id: "${id}") { ... on Agent { ${selection} } } }`)).toBe(own)
  expect(
    cost(`{ node(id: "${id}") { ...N } } fragment N on Node { ...A ... on Node { ...A } }
    fragment A on Agent { ${selection} }`),
  ).toBe(own)
  expect(cost(`{ nodes(ids: ${ids(5)}) { ... on Agent { ${selection} } } }`)).toBe(5 * own)
})

test('what is asked of objects of several types costs what it does of the dearest', () => {
  const [agent, space] = [1 + 1 + 7, 1 + 1 + 2 * 30]
  expect(cost(`{ node(id: "${id}") { ${onAgent} } }`)).toBe(agent)
  expect(cost(`{ node(id: "${id}") { ${onSpace} } }`)).toBe(space)
  expect(cost(`{ node(id: "${id}") { ${onAgent} ${onSpace} } }`)).toBe(space)
  expect(cost(`{ nodes(ids: ${ids(4)}) { ${onSpace} ${onAgent} } viewer { user { id } } }`)).toBe(
    4 * space + 2,
  )
  expect(cost(`{ nodes(ids: ${ids(100)}) { id } nodes(ids: ${ids(100)}) { __typename } }`)).toBe(
    100,
  )
  expect(() => cost(`{ nodes(ids: ${ids(100)}) { ${onSpace} ${onAgent} } }`)).toThrow(
    'costs at most 1000',
  )
  expect(() => cost(`{ nodes(ids: ${ids(101)}) { id } }`)).toThrow('at most 100 objects')
})

test('the nodes of objects of several types are the most that one of them has', () => {
  const size = (query: string, liveSpaces: number) => {
    const principal = { ...context.principal, liveSpaces } as Principal
    const document = known.get(query) ?? parse(query)
    known.set(query, document)
    expect(validate(schema, document)).toEqual([])
    const asking = { context: { ...context, principal }, isFree: () => false }
    return operationSize({ schema, document }, asking).nodes
  }
  const known = new Map<string, ReturnType<typeof parse>>()
  const query = `{ nodes(ids: ${ids(3)}) { ... on Agent { spaces { id } }
    ... on Space { agents(first: 10) { nodes { id } } } } }`
  // Also where the document is known from a caller of more spaces, or of fewer.
  for (const spaces of [15, 4, 200]) expect(size(query, spaces)).toBe(3 + 3 * Math.max(spaces, 10))
})

test('aliases count for all types together, and those of their interface once', () => {
  const aliases = (count: number, name = 'a'): string =>
    Array.from({ length: count }, (_, index) => `${name}${index}: id`).join(' ')
  const node = (selection: string) => cost(`{ node(id: "${id}") { ${selection} } }`)
  expect(node(aliases(30))).toBe(1)
  expect(node(`... on Node { ${aliases(20)} } ... on Agent { ${aliases(10, 'b')} }`)).toBe(1)
  expect(node(`... on Space { ${aliases(15)} } ... on Agent { ${aliases(15, 'b')} }`)).toBe(1)
  for (const selection of [
    aliases(31),
    `... on Space { ${aliases(16)} } ... on Agent { ${aliases(15, 'b')} }`,
    `${aliases(16)} ... on Agent { createdBy { ${aliases(15)} } }`,
  ])
    expect(() => node(selection), selection).toThrow('at most 30 aliases')
})

test('introspection costs no more than any request does', () => {
  expect(cost('{ __typename __schema { types { name } } __type(name: "Space") { name } }')).toBe(1)
  expect(cost('{ __typename viewer { __typename } }')).toBe(1)
})

test('a verification is free to who may verify, and another one beside it or anything else is not', () => {
  const verification = (name: string, selection: string) =>
    `${name}: verifyApiKey(input: { secret: "x" }) { ${selection} }`
  expect(cost(`mutation { ${verification('a', 'code')} ${verification('b', 'code')} }`)).toBe(1)
  expect(cost(`mutation { ${verification('a', 'code')} }`)).toBe(0)
  expect(cost(`mutation { ${verification('a', 'permissions rateLimits { remaining }')} }`)).toBe(0)
  // The key is nothing of the verdict, and its relations are not either.
  expect(cost(`mutation { ${verification('a', 'apiKey { id }')} }`)).toBe(1)
  expect(cost(`mutation { ${verification('a', 'apiKey { owner { name } }')} }`)).toBe(2)
  expect(cost(`mutation { ${verification('a', 'k: apiKey { id } apiKey { id }')} }`)).toBe(2)
  expect(
    cost(`mutation { ${verification('a', 'code')} ${verification('b', 'apiKey { id }')} }`),
  ).toBe(1)
  const revocation = 'revokeAccessToken(input: {}) { errors { code } }'
  expect(cost(`mutation { ${verification('a', 'code')} ${revocation} }`)).toBe(1)
})

// A cost that was worked out for one request must not be another's.
test('a document costs what its variables and its caller make of it, however often it is sent', () => {
  const costOf = (query: string) => {
    const document = parse(query)
    expect(validate(schema, document)).toEqual([])
    return (variableValues: Record<string, unknown>, free = false, operationName?: string) =>
      operationSize(
        { schema, document, variableValues, operationName },
        { isFree: () => free, context },
      ).cost
  }
  const paged = costOf(
    'query ($first: Int) { agents(first: $first) { nodes { createdBy { id } } } }',
  )
  for (const first of [10, 20, 10]) expect(paged({ first })).toBe(1 + first)
  const inFragment = costOf(
    `query ($n: Int) { spaces(first: 2) { nodes { ...S } } }
     fragment S on Space { agents(first: $n) { nodes { createdBy { id } } } }`,
  )
  for (const n of [3, 5, 3]) expect(inFragment({ n })).toBe(1 + 2 + 2 * n)
  const named = costOf(
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Agent { createdBy { id } } } }',
  )
  for (const count of [3, 100, 0])
    expect(named({ ids: Array.from({ length: count }, () => id) })).toBe(Math.max(1, 2 * count))
  const optional = costOf(
    'query ($with: Boolean!) { viewer { role } workspace @include(if: $with) { name } }',
  )
  for (const included of [true, false, true])
    expect(optional({ with: included })).toBe(included ? 2 : 1)
  const checked = costOf(
    'mutation A($s: String!) { verifyApiKey(input: { secret: $s }) { code } } query B { viewer { role } workspace { name } }',
  )
  for (const free of [true, false, true, false]) {
    expect(checked({ s: 'x' }, free, 'A')).toBe(free ? 0 : 1)
    // What is not run for a wrong variable costs 1.
    expect(checked({}, free, 'A')).toBe(1)
    expect(checked({}, false, 'B')).toBe(2)
  }
})

// A cost is remembered with whether a root field was free: with two such fields, under permissions of
// their own, one caller's cost could be another's.
test('one root field alone may be free', () => {
  const roots = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.values(type?.getFields() ?? {}),
  )
  const free = roots.filter(({ extensions }) => extensions.isFree === true)
  expect(free.map(({ name }) => name)).toEqual(['verifyApiKey'])
})
