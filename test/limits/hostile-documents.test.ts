import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { expectSafe, storesNothing } from '../input/nothing-stored.ts'
import { processorTime } from '../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')

/** Each level twice the one before, by aliases, fields or spreads. */
const doubled = (levels: number, on: string, level: (next: string) => string, end: string) =>
  `${many(levels, (index) => `fragment F${index} on ${on} { ${level(`...F${index + 1}`)} }`)}
  fragment F${levels} on ${on} { ${end} }`

const spaces = '{ spaces(first: 1) { nodes { ...F0 } } }'
const types = '{ __schema { types { ...F0 } } }'

const refused: readonly (readonly [string, string, string])[] = [
  ['1,000 aliases', `{ ${many(1_000, (i) => `a${i}: __typename`)} }`, 'QUERY_TOO_COMPLEX'],
  ['330 aliases', `{ ${many(330, (i) => `a${i}: __typename`)} }`, 'QUERY_TOO_COMPLEX'],
  ['10,000 times one field', `{ ${many(10_000, () => 'a')} }`, 'QUERY_TOO_COMPLEX'],
  ['depth 2,000', `${'{ a '.repeat(2_000)}${'}'.repeat(2_000)}`, 'QUERY_TOO_COMPLEX'],
  [
    'depth 100',
    `{ accessTokens { nodes { ${'apiKey { accessTokens(first: 1) { nodes { '.repeat(33)} id ${'} } } '.repeat(33)} } } }`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'a cycle of 300 fragments',
    `{ ...F0 } ${many(300, (i) => `fragment F${i} on Query { ...F${(i + 1) % 300} }`)}`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'a cycle of 100 fragments',
    `{ ...F0 } ${many(100, (i) => `fragment F${i} on Query { ...F${(i + 1) % 100} }`)}`,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    '2 to the power of 25 lists',
    `${spaces} ${doubled(25, 'Space', (next) => `a: agents { nodes { spaces { ${next} } } } b: agents { nodes { spaces { ${next} } } }`, 'id')}`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'introspection that doubles itself',
    `${types} ${doubled(30, '__Type', (next) => `a: ofType { ${next} } b: ofType { ${next} }`, 'name')}`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'introspection under the name __typename',
    `{ __schema { __typename: types { ${many(4, (i) => `a${i}: fields { ...F }`)} } } }
    fragment F on __Field { ${many(4, (i) => `b${i}: type { ...O }`)} }
    fragment O on __Type { ${many(4, (i) => `o${i}: ofType { ...G }`)} }
    fragment G on __Type { ${many(4, (i) => `c${i}: fields { ...H }`)} }
    fragment H on __Field { ${many(4, (i) => `d${i}: name`)} }`,
    'QUERY_TOO_COMPLEX',
  ],
  ['a page of -5', '{ spaces(first: -5) { nodes { id } } }', 'BAD_USER_INPUT'],
  ['a page of 0', '{ spaces(first: 0) { nodes { id } } }', 'BAD_USER_INPUT'],
  [
    'a page of $first',
    'query ($first: Int) { spaces(first: $first) { nodes { id } } }',
    'BAD_USER_INPUT',
  ],
]

/** Gives the milliseconds of processor time that the refusal took. */
const expectRefused = async (
  query: string,
  code: string,
  secret: string | null = workspace.secret,
): Promise<number> => {
  const { value: answer, ms } = await processorTime(() =>
    world.gql(secret, query, { first: 1_000_000 }),
  )
  expectSafe(answer)
  expect(answer.data).toBeUndefined()
  expect(answer.errors[0]?.extensions.code).toBe(code)
  return ms
}

// Nothing of it is known from a cache: each time it is another document.
test.each(refused)('%s is refused at once', async (_, query, code) => {
  await storesNothing(world, async () => {
    const took: number[] = []
    for (const attempt of [1, 2, 3]) took.push(await expectRefused(`# ${attempt}\n${query}`, code))
    expect(Math.min(...took)).toBeLessThan(100)
  })
})

test('introspection is held to the limits without a credential too', async () => {
  const introspecting = refused.filter(([, query]) => query.includes('__schema'))
  expect(introspecting).toHaveLength(2)
  for (const [, query, code] of introspecting) await expectRefused(query, code, null)
})

// Spread again where it has been, a fragment adds nothing: neither to the answer nor to the cost.
test('two spreads on each of 30 levels are run as what they are', async () => {
  const query = `${spaces} ${doubled(30, 'Space', (next) => `${next} ${next}`, 'name')}`
  const { value: answer, ms } = await processorTime(() => world.gql(workspace.secret, query))
  expect(ms).toBeLessThan(1_000)
  expect(answer.errors).toEqual([])
})

/** What is in use, without what can be collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const documents: readonly (readonly [string, (index: number) => string])[] = [
  ['more tokens than may be', (i) => `{ ${many(1_800, (j) => `field${i}_${j}`.slice(0, 8))} }`],
  ['as many tokens as may be', (i) => `query Q${i} { ${many(980, () => '__typename')} }`],
]

test.each(documents)('600 documents of %s are not kept', async (_, document) => {
  await world.gql(workspace.secret, document(-1))
  const before = heapUsed()
  for (let index = 0; index < 600; index++) await world.gql(workspace.secret, document(index))
  expect((heapUsed() - before) / 1_048_576).toBeLessThan(100)
})
