import { afterAll, beforeAll, expect, test } from 'vitest'
import { answerLimits } from '../../src/limits/answer-budget.ts'
import { leastProcessorTime } from '../setup/processor-time.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { createLargeWorkspace, type LargeWorkspace } from './large-workspace.ts'

let world: World
let large: LargeWorkspace
/** Of a key that reads agents and nothing else: every relation of theirs is an error. */
let secret: string

beforeAll(async () => {
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  large = await createLargeWorkspace(world, { spaces: 1, agents: 100, keys: 1, scopes: 1 })
  const weak = { name: 'weak', permissions: ['agents:read'], allSpaces: true }
  secret = (await seed(world, large.secret).key(weak)).secret
})
afterAll(() => world.close())

const longest = 'n'.repeat(14_000)

const refused = (count: number): string =>
  Array.from({ length: count }, (_, index) => `f${index}: createdBy { id }`).join(' ')

async function sent(bearer: string | undefined, query: string) {
  const response = await world.app.fetch(
    new Request('http://latchkey.test/graphql', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify({ query }),
    }),
    { address: '192.0.2.1' },
  )
  const text = await response.text()
  return { bytes: text.length, codes: codesOf(text) }
}

const codesOf = (text: string): Set<string> =>
  new Set((JSON.parse(text).errors ?? []).map((error: any) => error.extensions.code))

test('the paths of errors count as part of the answer', async () => {
  const { bytes, codes } = await sent(
    secret,
    `{ ${longest}: agents(first: 100) { nodes { ${refused(8)} } } }`,
  )
  expect(bytes).toBeLessThan(answerLimits.bytes)
  expect([...codes]).toEqual(['QUERY_TOO_COMPLEX'])
})

test('the names of fields that fail count as part of the answer', async () => {
  const pages = Array.from({ length: 4 }, (_, page) => `p${page}: agents(first: 100) { ...Page }`)
  const { bytes, codes } = await sent(
    secret,
    `{ ${pages.join(' ')} }
      fragment Page on AgentConnection { nodes { ${longest}: createdBy { id } } }`,
  )
  expect(bytes).toBeLessThan(answerLimits.bytes)
  expect([...codes]).toEqual(['QUERY_TOO_COMPLEX'])
})

test('the names of introspection are limited', async () => {
  const types = Array.from(
    { length: 13 },
    (_, index) => `t${index}: __type(name: "Mutation") { fields { ...Long } }`,
  )
  const query = `{ __schema { types { fields { ...Long } } } ${types.join(' ')} }
    fragment Long on __Field { ${longest}: name }`
  for (const bearer of [secret, undefined]) {
    const { bytes, codes } = await sent(bearer, query)
    expect(bytes).toBeLessThan(1_000)
    expect([...codes]).toEqual(['QUERY_TOO_COMPLEX'])
  }
})

test('a document has at most 1,000 lines, before any place in it is looked for', async () => {
  const lines = '\n'.repeat(12_000)
  const many = `{ agents(first: 100) { nodes { ${refused(8)} } } }`
  for (const query of [
    `${lines}${many}`,
    `${lines}{ ${'nothing '.repeat(400)} }`,
    `${lines}{ % }`,
  ]) {
    const { value, ms } = await leastProcessorTime(250, () => sent(secret, query))
    expect([...value.codes]).toEqual(['QUERY_TOO_COMPLEX'])
    expect(ms).toBeLessThan(250)
  }
  const within = await sent(secret, `${'\n'.repeat(999)}${many}`)
  expect([...within.codes]).toEqual(['FORBIDDEN'])
})

test('as many errors as an answer holds hold nobody up', async () => {
  const query = `${'\n'.repeat(999)}{ agents(first: 100) { nodes { ${refused(8)} } } }`
  const { ms } = await leastProcessorTime(500, () => sent(secret, query))
  expect(ms).toBeLessThan(500)
})

test('an error of validation shows its code, and nothing of HTTP', async () => {
  const { errors } = await world.gql(secret, '{ nothing }')
  expect(errors.map(({ extensions }) => Object.keys(extensions).sort())).toEqual([
    ['code', 'requestId'],
  ])
})
