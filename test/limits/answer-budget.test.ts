import { parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { authenticateCredential } from '../../src/modules/credential/authenticate-credential.ts'
import { createContext } from '../../src/schema/context.ts'
import { executeWithinBudget } from '../../src/schema/execute.ts'
import { schema } from '../../src/schema/schema.ts'
import { processorTime } from '../setup/processor-time.ts'
import { leastOfRequest, mostOfRequest } from '../setup/request-time.ts'
import { seed } from '../setup/seed.ts'
import { type Statements, watchStatements, writesUsage } from '../setup/statements.ts'
import { createWorld, type World } from '../setup/world.ts'
import { createLargeWorkspace, type LargeWorkspace } from './large-workspace.ts'

let statements: Statements
let world: World
let large: LargeWorkspace

beforeAll(async () => {
  statements = watchStatements()
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  large = await createLargeWorkspace(world)
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const many = (count: number, field: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => field(index)).join(' ')

const aliases = (count: number, field: string): string =>
  many(count, (index) => `a${index}: ${field}`)

const agents = (shown: string, spaces = 99): string =>
  `{ spaces(first: ${spaces}) { nodes { agents(first: 100) { nodes { ${shown} } } } } }`

/** Executes an operation that no estimate has refused before. */
async function executed(query: string, secret = large.secret): Promise<any> {
  const document = parse(query)
  expect(validate(schema, document)).toEqual([])
  const origin = { address: undefined, requestId: 'request' }
  const principal = await authenticateCredential(world.deps, secret, origin)
  const contextValue = createContext(world.deps, { ...origin, principal })
  const result = await executeWithinBudget({ schema, document, contextValue })
  return JSON.parse(JSON.stringify(result))
}

const tooLarge =
  'An answer holds at most 10,000 objects, 250,000 values and 8 MiB; ask for less at once.'

const agentsOfSpaces = (places: number): string =>
  `{ apiKey(id: "${large.keyIds[0]}") { spaces { space { agents(first: 1) { nodes {
    ${aliases(places, 'spaces { id name }')} } } } } } }`
const permissionsOfKeys = `{ apiKeys(first: 20) { nodes {
  ${aliases(24, 'spaces { effectivePermissions }')} } } }`

const askedSince = (from: number): string[] =>
  statements.sent.slice(from).filter((text) => !writesUsage(text))

test('lists without pages count by what they can hold, before anything is read', async () => {
  await world.gql(large.secret, '{ viewer { kind } }')
  for (const query of [agentsOfSpaces(22), permissionsOfKeys]) {
    const from = statements.sent.length
    const { value, ms } = await processorTime(() => world.gql(large.secret, query))
    expect(value).toMatchObject({ status: 200, data: undefined })
    expect(value.errors.map(({ message }) => message)).toEqual([
      'An operation asks for at most 10000 nodes.',
    ])
    expect(askedSince(from)).toEqual([])
    expect(ms).toBeLessThan(250)
  }
})

const mebibyte = 1024 ** 2

/** Executes an operation, and sees that it holds up nobody and fills no memory. */
async function measured(query: string, secret?: string): Promise<any> {
  await executed('{ viewer { kind } }')
  const before = process.memoryUsage()
  const { value, hold } = await leastOfRequest(() => executed(query, secret))
  const { rss } = process.memoryUsage()
  expect(hold).toBeLessThan(mostOfRequest.hold)
  expect(rss - before.rss).toBeLessThan(200 * mebibyte)
  return value
}

test.each<[string, () => string]>([
  ['the spaces of an agent in many places', () => agentsOfSpaces(22)],
  ['the permissions of keys in many spaces', () => permissionsOfKeys],
  [
    'the permissions of a key in 1,000 spaces',
    () => `{ apiKey(id: "${large.keyIds[0]}") { spaces {
      ${aliases(28, 'effectivePermissions')} } } }`,
  ],
  ['28 values of 9,900 agents', () => agents(aliases(28, 'version'))],
  ['28 type names of 9,900 agents', () => agents(aliases(28, '__typename'))],
  ['long texts', () => agents('description', 50)],
  [
    'values in fragments',
    () => `${agents('...A')} fragment A on Agent { ${aliases(10, 'version')} ...B }
      fragment B on Agent { ${many(18, (index) => `b${index}: id`)} }`,
  ],
  [
    'edges with their nodes',
    () => `{ spaces(first: 99) { edges { cursor node {
      agents(first: 100) { edges { cursor node { id } } } } } } }`,
  ],
  [
    'one page in many places',
    () =>
      `{ spaces(first: 20) { nodes { agents(first: 20) { ${aliases(29, 'nodes { id }')} } } } }`,
  ],
  [
    '30 lists that are each within the limits',
    () => `{ ${aliases(30, 'agents(first: 100) { nodes { description } }')} }`,
  ],
])('a query is refused as a whole: %s', async (_, query) => {
  expect(await measured(query())).toEqual({ data: null, errors: [{ message: tooLarge }] })
})

test('a query within the limits is answered, and holds nobody up', async () => {
  const { data, errors } = await measured(agents(aliases(25, 'version'), 95))
  expect(errors).toBeUndefined()
  expect(data.spaces.nodes.flatMap(({ agents: its }: any) => its.nodes)).toHaveLength(9_500)
})

test('no statement follows a refusal', async () => {
  const query = `{ agents(first: 100) { nodes { ${aliases(28, 'description')} } }
    spaces(first: 50) { nodes { agents(first: 100) { nodes { description sessions { nodes { id } } } } } } }`
  const from = statements.sent.length
  expect((await executed(query)).data).toBeNull()
  expect(askedSince(from).filter((text) => text.includes('"Session"'))).toEqual([])
})

// Each is longer than most values, and takes longer to make.
test('errors count as well', async () => {
  const { id, secret } = await seed(world, large.secret).key({
    name: 'reads scopes',
    permissions: ['scopes:read'],
  })
  expect(id).toBeDefined()
  const query = (places: number) => `{ ${aliases(2, 'scopes(first: 50) { nodes { ...S } }')} }
    fragment S on Scope { ${many(places, (index) => `c${index}: keyCount`)} }`
  const few = await measured(query(9), secret)
  expect(few.errors).toHaveLength(900)
  expect(await measured(query(28), secret)).toEqual({
    data: null,
    errors: [{ message: tooLarge }],
  })
})

// A secret is shown this once: no other field of the operation may take it away.
test('of a mutation what it has done is shown, and not what its relations hold beyond the limits', async () => {
  const scopeIds = `["${large.scopeIds[0]}"]`
  const input = `{ name: "shown", allSpaces: true, permissions: ["*"], scopeIds: ${scopeIds} }`
  const large28 = `scopes { ${aliases(2, 'apiKeys(first: 100) { nodes { ...K } }')} }`
  const query = `mutation {
    a: updateApiKey(input: { id: "${large.keyIds[0]}", description: "changed" }) {
      apiKey { id ${large28} description } errors { code } }
    b: createApiKey(input: ${input}) { apiKey { name ${large28} } secret errors { code } }
  } fragment K on ApiKey { ${many(20, (index) => `n${index}: description`)} }`
  const { data, errors } = await measured(query)
  expect((await world.gql(data.b.secret, '{ viewer { kind } }')).status).toBe(200)
  expect(data.a).toMatchObject({ apiKey: { id: large.keyIds[0] }, errors: [] })
  expect(data.b).toMatchObject({ apiKey: { name: 'shown' }, errors: [] })
  expect(new Set(errors.map(({ path }: any) => path[0]))).toEqual(new Set(['a', 'b']))
  // Not one for each of thousands of fields.
  expect(errors.length).toBeLessThanOrEqual(2 * 21)
  for (const { message } of errors) expect(message).toBe(tooLarge)
})
