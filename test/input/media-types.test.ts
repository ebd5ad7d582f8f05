import { expect, test } from 'vitest'
import { verdict } from '../modules/api-key/ask.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import type { Answer } from '../setup/world.ts'
import { expectSafe, storesNothing } from './nothing-stored.ts'

useWorkspace()

const graphql = 'application/graphql-response+json'
const json = { 'content-type': 'application/json' }

/** Sends a body by POST with the owner's key. */
const post = (body: string, headers: Readonly<Record<string, string>> = json) =>
  world.app.fetch(
    new Request('http://latchkey.test/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${workspace.secret}`, ...headers },
      body,
    }),
  )

const typeOf = ({ headers }: Response) => headers.get('content-type')?.split(';')[0]

/** The status, media type and code of a refusal, after what every one must be. */
async function refused(response: Response): Promise<unknown[]> {
  const { data, errors } = (await response.json()) as Answer<unknown>
  expectSafe({ status: response.status, headers: response.headers, data, errors })
  return [response.status, typeOf(response), errors[0]?.extensions.code]
}

test('the media type of the answer is what was asked for', async () => {
  const good = JSON.stringify({ query: '{ viewer { kind } }' })
  const bad = JSON.stringify({ query: '{ nothing }' })
  const cases = [
    [good, graphql, 200, graphql],
    [bad, graphql, 400, graphql],
    [good, 'application/json', 200, 'application/json'],
    [bad, 'application/json', 200, 'application/json'],
    [good, `${graphql}, application/json;q=0.9`, 200, graphql],
    [good, 'application/json;q=0.5, application/graphql-response+json', 200, graphql],
    [good, `${graphql};q=0.5, application/json`, 200, 'application/json'],
    [good, `*/*, ${graphql};q=0`, 200, 'application/json'],
    [good, 'application/json;q=0, application/*', 200, graphql],
    [good, 'text/html, APPLICATION/JSON; charset=utf-16; q=0.1', 200, 'application/json'],
    [good, 'text/event-stream, */*;q=0.1', 200, 'application/json'],
    [good, 'application/*', 200, 'application/json'],
    [good, '*/*', 200, 'application/json'],
    [good, '', 200, 'application/json'],
    [good, ' , ', 200, 'application/json'],
  ] as const
  for (const [body, accept, status, type] of cases) {
    const response = await post(body, { ...json, accept })
    expect([response.status, response.headers.get('content-type')], `${accept} ${body}`).toEqual([
      status,
      `${type}; charset=utf-8`,
    ])
  }
  // Refused before GraphQL is reached: the same negotiation.
  for (const type of [graphql, 'application/json']) {
    const response = await post(good, { ...json, accept: type, authorization: 'Bearer lk_x' })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      401,
      `${type}; charset=utf-8`,
    ])
  }
})

// Who cannot read the answer must not have it done: the new secret would be lost.
test('an operation whose answer its client does not accept is not run', async () => {
  const key = await seed(world, workspace.secret).key({ name: 'kept' })
  const query = `mutation { rotateApiKey(input: { id: "${key.id}", overlapSeconds: 0 }) { secret } }`
  const unacceptable = [
    'text/html',
    'application/xml',
    'text/*',
    'text/event-stream',
    'multipart/mixed',
    'application/json;q=0',
    'application/json; Q=0.000, application/graphql-response+json;q=0.0',
    '*/*;q=0',
    'application/*;q=0, */*',
    'application/jsonp',
    'nonsense',
  ]
  await storesNothing(world, async () => {
    for (const accept of unacceptable) {
      const response = await post(JSON.stringify({ query }), { ...json, accept })
      const answer = [406, 'application/json', 'BAD_REQUEST']
      expect([accept, ...(await refused(response))]).toEqual([accept, ...answer])
    }
  })
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

test('the media type of a body is read whatever its case and its blanks', async () => {
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  for (const type of [
    'APPLICATION/JSON',
    'Application/Json;charset=UTF-8',
    'application/json ; a=b',
  ]) {
    const response = await post(body, { 'content-type': type })
    expect([type, response.status, await response.json()]).toEqual([
      type,
      200,
      { data: { viewer: { kind: 'API_KEY' } } },
    ])
  }
  for (const type of [
    'application/json, text/plain',
    'APPLICATION/GRAPHQL+JSON',
    'application/json-x',
  ])
    expect([type, ...(await refused(await post(body, { 'content-type': type })))]).toEqual([
      type,
      415,
      'application/json',
      'BAD_REQUEST',
    ])
})

// GraphQL over HTTP: what was not executed at all is no success in the newer media type.
test('an operation that is not executed is 400 in the media type that says so', async () => {
  const long = `{ viewer { ${'kind '.repeat(4_000)} } }`
  const aliases = Array.from({ length: 31 }, (_, index) => `a${index}: __typename`).join(' ')
  const find = 'query ($id: ID!) { space(id: $id) { id } }'
  const cases = [
    [{ query: '{' }, 'GRAPHQL_PARSE_FAILED', 200],
    [{ query: '{ nothing }' }, 'GRAPHQL_VALIDATION_FAILED', 200],
    [{ query: long }, 'QUERY_TOO_COMPLEX', 200],
    [{ query: find, variables: { id: {} } }, 'BAD_USER_INPUT', 200],
    [{ query: find }, 'BAD_USER_INPUT', 200],
    [{ query: '{ spaces(first: 1000) { nodes { id } } }' }, 'BAD_USER_INPUT', 200],
    [{ query: `{ ${aliases} }` }, 'QUERY_TOO_COMPLEX', 200],
    [{ query: 'subscription { viewer { kind } }' }, 'BAD_REQUEST', 400],
    [{ query: 5 }, 'BAD_REQUEST', 400],
    [{}, 'BAD_REQUEST', 400],
  ] as const
  for (const [body, code, inJson] of cases)
    for (const [type, status] of [
      ['application/json', inJson],
      [graphql, 400],
    ] as const) {
      const response = await post(JSON.stringify(body), { ...json, accept: type })
      expect(response.headers.get('allow')).toBeNull()
      expect([code, ...(await refused(response))]).toEqual([code, status, type, code])
    }
  // A field that fails is part of an answer.
  const failing = JSON.stringify({ query: '{ spaces(after: "x") { nodes { id } } }' })
  expect((await post(failing, { ...json, accept: graphql })).status).toBe(200)
})

// What a character is differs; bytes are what is parsed and remembered.
test('a document is measured in bytes', async () => {
  const sized = (bytes: number): string => {
    const [start, end] = ['{ viewer { kind } } # ', '\u{1F600}'.repeat(4_000)]
    return `${start}${'x'.repeat(bytes - Buffer.byteLength(start + end))}${end}`
  }
  expect((await post(JSON.stringify({ query: sized(16_384) }))).status).toBe(200)
  const response = await post(JSON.stringify({ query: sized(16_385) }))
  expect((await refused(response))[2]).toBe('QUERY_TOO_COMPLEX')
  const schema = `{ __typename } # ${'\u{1F600}'.repeat(5_000)}`
  const introspection = await world.gql(null, schema)
  expect(introspection.errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')
})
