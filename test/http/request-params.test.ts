import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { serveHandler } from './listening.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

const post = (body: string): Promise<Response> =>
  world.app.fetch(
    new Request('http://latchkey.test/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${workspace.secret}` },
      body,
    }),
  )

test('POST /graphql: null and empty parameters are absent ones, other members are ignored', async () => {
  const query = '{ viewer { kind } }'
  const names = ['operationName', 'variables', 'extensions']
  const bodies = [
    ...['', null].flatMap((nothing) => names.map((name) => ({ query, [name]: nothing }))),
    { query, clientId: 'x', id: 5 },
  ]
  for (const body of bodies)
    expect([body, (await post(JSON.stringify(body))).status]).toEqual([body, 200])
})

test('POST /graphql: the hash of a document without it is PERSISTED_QUERY_NOT_SUPPORTED', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } }
  const answers = [{}, { query: null }, { query: '' }].map(async (without) => {
    const answer = await post(JSON.stringify({ operationName: 'V', extensions, ...without }))
    return ((await answer.json()) as Answer<unknown>).errors
  })
  for (const errors of await Promise.all(answers))
    expect(errors).toMatchObject([
      {
        message: 'PersistedQueryNotSupported',
        extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
      },
    ])
  const query = '{ viewer { kind } }'
  expect((await post(JSON.stringify({ query, extensions }))).status).toBe(200)
})

test('a byte order mark before JSON is skipped, wherever JSON is sent', async () => {
  const { url } = await serveHandler(world.app.handle)
  const headers = { authorization: `Bearer ${workspace.secret}` }
  const query = 'query ($a: Boolean!) { viewer { kind @include(if: $a) } }'
  const mark = '\uFEFF'
  const posted = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: mark + JSON.stringify({ query, variables: { a: true } }),
  })
  const parameters = new URLSearchParams({
    query,
    variables: `${mark}{"a":true}`,
    extensions: `${mark}{}`,
  })
  const asked = await fetch(`${url}/graphql?${parameters}`, { headers })
  for (const answer of [posted, asked])
    expect(await answer.json()).toEqual({ data: { viewer: { kind: 'API_KEY' } } })
})
