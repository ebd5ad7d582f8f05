import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, createWorld, type TestWorkspace, type World } from '../setup/world.ts'

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
  const answer = await post(JSON.stringify({ operationName: 'V', extensions }))
  const { errors } = (await answer.json()) as Answer<unknown>
  expect(errors).toMatchObject([
    {
      message: 'PersistedQueryNotSupported',
      extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
    },
  ])
  const query = '{ viewer { kind } }'
  expect((await post(JSON.stringify({ query, extensions }))).status).toBe(200)
})
