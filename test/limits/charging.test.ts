import { beforeEach, expect, test } from 'vitest'
import { expectSafe, storesNothing } from '../input/nothing-stored.ts'
import { seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { cheap, limitTo, remaining } from './ask.ts'

const limit = 10_000

let workspace: TestWorkspace

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const restOf = async (secret: string): Promise<number> =>
  remaining((await world.gql(secret, cheap)).headers).workspace ?? 0

const many = (count: number, field: string): string =>
  Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')

const agent = 'agent(id: "agt_00000000000000000000000000") { name }'
const tokens = many(30, agent).repeat(10)
const spaces = `{ spaces(first: 50) { nodes { agents(first: 50) { nodes { id } } } } }`
const viewers = `query A { viewer { kind } } query B { viewer { kind } }`

// What one request costs must not depend on how its operation is dressed up.
test.each([
  ['one field', '{ workspace { name } }', 1, 200],
  ['thirty aliases of one field', `{ ${many(30, agent)} }`, 30, 200],
  ['pages of pages', spaces, 51, 200],
  ['introspection', '{ __schema { queryType { name } } }', 1, 200],
  ['a mutation that fails', 'mutation { deleteSpace(input: { id: "x" }) { deletedId } }', 1, 200],
  ['what cannot be parsed', '{ workspace {', 1, 200],
  ['what is not valid', `{ nothing ${many(30, agent)} }`, 1, 200],
  ['what is too complex', `{ ${many(31, agent)} }`, 1, 200],
  ['what has too many tokens', `{ ${tokens} }`, 1, 200],
  ['a page that is too long', '{ spaces(first: 101) { nodes { id } } }', 1, 200],
  ['a variable that is missing', 'query ($id: ID!) { agent(id: $id) { name } }', 1, 200],
  ['an operation that is not named', viewers, 1, 400],
  ['an empty document', '', 1, 200],
])('%s is charged once, and by what it costs', async (_, query, cost, status) => {
  await limitTo(world, workspace, limit)
  const answer = await world.gql(workspace.secret, query)
  expectSafe(answer)
  expect([answer.status, remaining(answer.headers).workspace]).toEqual([status, limit - cost])
  expect(await restOf(workspace.secret)).toBe(limit - cost - 1)
})

const send = (init: RequestInit & { query?: string }): Promise<Response> =>
  world.app.fetch(
    new Request(`http://latchkey.test/graphql${init.query ?? ''}`, {
      ...init,
      headers: { 'x-api-key': workspace.secret, ...init.headers },
    }),
  )
const json = { 'content-type': 'application/json' }
const operation = JSON.stringify({ query: cheap })

test.each([
  ['a batch', { method: 'POST', headers: json, body: `[${operation},${operation}]` }, 400],
  ['no JSON', { method: 'POST', headers: json, body: '{' }, 400],
  ['another media type', { method: 'POST', headers: { 'content-type': 'text/html' } }, 415],
  ['another method', { method: 'PUT', headers: json, body: operation }, 405],
  ['a GET', { method: 'GET', query: `?query=${encodeURIComponent(cheap)}` }, 200],
  ['a mutation by GET', { method: 'GET', query: '?query=mutation%7B__typename%7D' }, 405],
])('%s is charged 1', async (_, init, status) => {
  await limitTo(world, workspace, limit)
  const answer = await send(init)
  expect([answer.status, remaining(answer.headers).workspace]).toEqual([status, limit - 1])
  expect(await restOf(workspace.secret)).toBe(limit - 2)
})

// Who probes what they may do pays for it.
test('a field that is refused is not refunded', async () => {
  const powerless = await seed(world, workspace.secret).key({ name: 'powerless' })
  await limitTo(world, workspace, limit)
  const { errors, headers } = await world.gql(powerless.secret, `{ ${many(30, agent)} }`)
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(Array(30).fill('FORBIDDEN'))
  expect(remaining(headers)).toEqual({ key: limit - 30, workspace: limit - 30 })
})

test('a request over the limit is neither charged nor run', async () => {
  await limitTo(world, workspace, 10)
  const create = (index: number) =>
    `s${index}: createSpace(input: { name: "space ${index}" }) { space { id } }`
  const eleven = `mutation { ${Array.from({ length: 11 }, (_, index) => create(index)).join(' ')} }`
  const refused = async (query: string, rest: number) => {
    const answer = await storesNothing(world, () => world.gql(workspace.secret, query))
    expectSafe(answer)
    expect([answer.status, answer.data]).toEqual([429, undefined])
    expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(['RATE_LIMITED'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(remaining(answer.headers)).toEqual({ key: rest, workspace: rest })
  }
  // More than the whole limit: it never passes, and keeps nobody from anything.
  for (let count = 0; count < 5; count += 1) await refused(eleven, 10)
  expect((await world.gql(workspace.secret, `{ ${many(8, agent)} }`)).status).toBe(200)
  await refused(`{ ${many(3, agent)} }`, 2)
  const { status, headers } = await world.gql(workspace.secret, `{ ${many(2, agent)} }`)
  expect([status, remaining(headers)]).toEqual([200, { key: 0, workspace: 0 }])
  await refused(`mutation { ${create(1)} }`, 0)
  for (const query of ['{ nothing', '{ nothing }', `{ ${many(31, agent)} }`])
    await refused(query, 0)
})
