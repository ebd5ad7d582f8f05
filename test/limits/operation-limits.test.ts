import { getIntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { expectSafe, storesNothing } from '../input/nothing-stored.ts'
import { directly } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

const many = (count: number, field: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => field(index)).join(' ')

async function expectRun(query: string, variables = {}): Promise<void> {
  expect((await world.gql(workspace.secret, query, variables)).errors, query).toEqual([])
}

async function expectRefused(query: string, message: string, variables = {}): Promise<void> {
  const answer = await world.gql(workspace.secret, query, variables)
  expectSafe(answer)
  expect(answer.status).toBe(200)
  expect(answer.data, query).toBeUndefined()
  expect(answer.errors.map((error) => [error.extensions.code, error.message])).toEqual([
    ['QUERY_TOO_COMPLEX', message],
  ])
}

/** Tokens of keys of tokens, `levels` pages of them. */
const chain = (levels: number, inside: string): string =>
  levels === 0
    ? inside
    : `accessTokens(first: 1) { nodes { apiKey { ${chain(levels - 1, inside)} } } }`

test('at most 12 fields deep', async () => {
  const deepest = 'accessTokens(first: 1) { nodes { id } }'
  await expectRun(`{ ${chain(3, deepest)} }`)
  const message = 'An operation is at most 12 fields deep.'
  await expectRefused(`{ ${chain(4, 'name')} }`, message)
  const split = `{ ${chain(2, '...Inner')} } fragment Inner on ApiKey { ${chain(2, 'name')} }`
  await expectRefused(split, message)
})

test('at most 30 aliases, wherever they are', async () => {
  const message = 'An operation has at most 30 aliases.'
  const aliases = (count: number) => many(count, (index) => `a${index}: __typename`)
  await expectRun(`{ ${aliases(30)} }`)
  await expectRun(`{ viewer { ${aliases(30)} } }`)
  await expectRefused(`{ viewer { ${aliases(31)} } }`, message)
  await expectRefused(
    `{ viewer { ${aliases(15)} user { ...More } } } fragment More on User { ${aliases(16)} }`,
    message,
  )
  await expectRun(`{ ${many(100, () => 'viewer: viewer { kind }')} }`)
})

const tooManyRoots = 'An operation has at most 30 root fields.'

test('at most 30 root fields', async () => {
  const aliases = many(30, (index) => `a${index}: workspace { id }`)
  await expectRun(`{ ${aliases} }`)
  await expectRefused(`{ viewer { kind } ${aliases} }`, tooManyRoots)
})

const expensive = (rest: string) => `query ($first: Int) { ${rest} spaces(first: $first) { nodes {
  ${many(9, (index) => `a${index}: agents(first: 1) { nodes { id } }`)}
  ${many(9, (index) => `k${index}: apiKeys(first: 1) { nodes { id } }`)}
  ${many(9, (index) => `m${index}: members(first: 1) { nodes { id } }`)} } } }`

// What one caller was allowed to send must not be allowed by that for other variables.
test('costs at most 1,000, with the variables that it comes with', async () => {
  const message = 'An operation costs at most 1000.'
  await expectRun(expensive(''), { first: 37 })
  await expectRefused(expensive(''), message, { first: 38 })
  await expectRun(expensive(''), { first: 37 })
  await expectRefused(expensive('viewer { kind }'), message, { first: 37 })
})

test('asks for at most 10,000 nodes', async () => {
  const message = 'An operation asks for at most 10000 nodes.'
  const pages = 'spaces(first: 99) { nodes { agents(first: 100) { nodes { id } } } }'
  await expectRun(`{ ${pages} viewer { kind } }`)
  await expectRefused(`{ ${pages} viewer { kind } workspace { id } }`, message)
})

test('nothing of a refused operation is done', async () => {
  const create = (index: number) =>
    `s${index}: createSpace(input: { name: "refused ${index}" }) { errors { code } }`
  await storesNothing(world, () => expectRefused(`mutation { ${many(31, create)} }`, tooManyRoots))
})

// The change would be made, and its answer be lost.
test.each([-5, 0, 101, 1_000_000])('a page of %i is refused before a change', async (first) => {
  const change = (page: string) => `createSpace(input: { name: "refused" }) {
    space { agents(first: ${page}) { nodes { id } } } }`
  const byVariable = `mutation ($first: Int) { ${change('$first')} }`
  for (const query of [byVariable, `mutation { ${change(String(first))} }`]) {
    const answer = await storesNothing(world, () => world.gql(workspace.secret, query, { first }))
    expectSafe(answer)
    expect(answer.data).toBeUndefined()
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: ['first'] })
  }
})

test('what is not run is not counted', async () => {
  const skipped = 'spaces(first: 0) @skip(if: $skip) { nodes { id } }'
  await expectRun(`query ($skip: Boolean!) { viewer { kind } ${skipped} }`, { skip: true })
  const aliases = many(31, (index) => `a${index}: __typename @include(if: false)`)
  await expectRun(`{ __typename ${aliases} }`)
  const deep = (innermost: string) =>
    `{ accessTokens { nodes { ${'apiKey { accessTokens { nodes { '.repeat(3)} apiKey { ${innermost} } ${'} } } '.repeat(3)} } } }`
  const once = (innermost: string) =>
    deep(innermost).replaceAll('accessTokens', 'accessTokens(first: 1)')
  await expectRun(once('id @include(if: false)'))
  await expectRefused(once('id'), 'An operation is at most 12 fields deep.')
})

const everyOption = {
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
}

test('the introspection query of tools is let through, beside others and without a credential', async () => {
  for (const options of [{}, everyOption, { descriptions: false }]) {
    const query = getIntrospectionQuery(options)
    for (const secret of [workspace.secret, null]) {
      const { data, errors } = await world.gql(secret, query)
      expect(errors).toEqual([])
      expect(data.__schema.types.length).toBeGreaterThan(50)
    }
    await expectRun(query.replace('__schema', 'viewer { kind } __schema'))
  }
})

test('other introspection has the limits of any operation', async () => {
  const rowsMessage = 'An operation asks for at most 10000 nodes.'
  const again = getIntrospectionQuery().replace('__schema', 'again: __schema')
  await expectRefused(again, rowsMessage)
  const inside = getIntrospectionQuery().replace('kind', 'kind inner: name')
  await expectRefused(inside, rowsMessage)
  const deep = `${'ofType { '.repeat(12)} name ${' }'.repeat(12)}`
  await expectRefused(
    `{ __type(name: "Space") { ${deep} } }`,
    'An operation is at most 12 fields deep.',
  )
  await expectRun('{ __type(name: "Space") { fields { name args { name type { name } } } } }')
  const rows = '__schema { types { fields { args { name type { name } } } } }'
  await expectRefused(`{ a: ${rows} b: ${rows} }`, rowsMessage)
  const renamed = '__typename: types { fields { args { name type { name } } } }'
  await expectRefused(`{ a: __schema { ${renamed} } b: __schema { ${renamed} } }`, rowsMessage)
  await expectRun('{ __schema { __typename: queryType { name } } }')
})

/** Spaces that nobody made through the API. */
const insertSpaces = (workspaceId: string, count: number) =>
  directly(world, workspaceId, async ({ space }) => {
    const at = new Date()
    const ids = Array.from({ length: count }, () => newId('spc'))
    await space.createMany({
      data: ids.map((id) => ({
        workspaceId,
        id,
        name: id,
        nameKey: id,
        visibility: 'RESTRICTED',
        createdAt: at,
        updatedAt: at,
      })),
    })
  })

// What one workspace was allowed to send must not be allowed by that for another, nor refused.
test('a list without pages counts by the spaces of the caller, as they are now', async () => {
  const query = '{ agents(first: 20) { nodes { spaces { name } } } }'
  const message = 'An operation asks for at most 10000 nodes.'
  await expectRun(query)
  const other = await world.createWorkspace()
  await insertSpaces(other.id, 499)
  const ask = async (secret: string) =>
    (await world.gql(secret, query)).errors.map((error) => error.message)
  expect(await ask(other.secret)).toEqual([])
  const make = seed(world, other.secret)
  const last = await make.space({ name: 'one more' })
  expect(await ask(other.secret)).toEqual([message])
  await expectRun(query)
  const limited = await make.key({
    name: 'limited',
    permissions: ['*:read'],
    spaces: [{ spaceId: last }],
  })
  expect(await ask(limited.secret)).toEqual([])
  expect(await ask(other.secret)).toEqual([message])
  await done(world, other.secret, 'deleteSpace', 'deletedId', { id: last })
  expect(await ask(other.secret)).toEqual([])
})

test('the spaces of keys count by those of the workspace, and their scopes for 50', async () => {
  const other = await world.createWorkspace()
  await insertSpaces(other.id, 150)
  const ask = async (first: number, shown: string) =>
    (await world.gql(other.secret, `{ apiKeys(first: ${first}) { nodes { ${shown} } } }`)).errors
      .length
  // A space with each, but for a key of all spaces.
  expect(await ask(66, 'spaces { spaceId }')).toBe(0)
  expect(await ask(67, 'spaces { spaceId }')).toBe(1)
  expect(await ask(100, 'scopes { name }')).toBe(0)
  expect(await ask(100, 'scopes { name } a: scopes { name }')).toBe(1)
  expect(await ask(99, 'scopes { name } effectivePermissions')).toBe(0)
})

test('a page counts once more for each further place in which its rows are shown', async () => {
  const message = 'An operation asks for at most 10000 nodes.'
  const agents = (places: number) =>
    `agents(first: 100) { ${many(places, (index) => `a${index}: nodes { id }`)} }`
  await expectRun(`{ spaces(first: 4) { nodes { ${agents(24)} } } }`)
  await expectRefused(`{ spaces(first: 4) { nodes { ${agents(25)} } } }`, message)
  const node = 'edges { node { id } } b: edges { node { id } c: node { id } }'
  await expectRun(`{ spaces(first: 33) { nodes { agents(first: 100) { ${node} } } } }`)
  await expectRefused(`{ spaces(first: 34) { nodes { agents(first: 100) { ${node} } } } }`, message)
})
