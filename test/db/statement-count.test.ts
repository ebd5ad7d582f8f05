import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { fill } from './fill.ts'

const rows = 50

let world: World
let workspace: TestWorkspace
const sent: string[] = []

/** Notes every statement as the driver is given it, and lets it pass. */
function listen(): void {
  // A driver's query has several signatures: text first, or an object that holds it.
  const note = (query: unknown): void => {
    const text = typeof query === 'object' && query !== null && 'text' in query ? query.text : query
    // What is asked for; writing when keys were used goes on beside it.
    if (typeof text === 'string' && text.trimStart().startsWith('SELECT')) sent.push(text)
  }
  const prototype: { query: (...args: any[]) => any } = inject('postgres')
    ? pg.Client.prototype
    : PGlite.prototype
  const { query } = prototype
  vi.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...args) {
    note(args[0])
    return query.apply(this, args)
  })
}

beforeAll(async () => {
  listen()
  world = await createWorld()
  workspace = await world.createWorkspace()
  await fill(world, workspace, rows)
  // Whatever a first request sets up is not counted.
  for (const list of Object.keys(lists)) await statementsOf(list, 'nodes { __typename }', 1)
})
afterAll(async () => {
  vi.restoreAllMocks()
  await world.close()
})

const lists = {
  agents: 'nodes { name spaceIds spaces { name } createdBy { name } }',
  spaces: `nodes { name agents { nodes { name } } apiKeys { nodes { name } }
    members { nodes { user { name } } } }`,
  accessTokens: 'nodes { status apiKey { name } spaces { name } }',
  apiKeys: `nodes { name effectivePermissions accessTokens { nodes { id } } owner { name } createdBy { name } revokedBy { name }
    scopes { name } spaces { effectivePermissions space { name } } }`,
  members: `nodes { keyCount apiKeys { nodes { name } } spaces { nodes { name } } }`,
  scopes: 'nodes { name keyCount apiKeys { nodes { name } } }',
}

/** The same, further in: relations of the rows of a relation. */
const deep = {
  spaces: `nodes { agents(first: 3) { nodes { createdBy { name } spaces { name
    members(first: 3) { nodes { keyCount } } } } } }`,
  members: `nodes { apiKeys(first: 3) { nodes { effectivePermissions owner { name }
    scopes { keyCount } spaces { space { agents(first: 3) { nodes { name } } } } } } }`,
}

async function statementsOf(list: string, selection: string, first: number): Promise<string[]> {
  const from = sent.length
  const query = `query ($first: Int) { ${list}(first: $first) { ${selection} } }`
  const { data, errors } = await world.gql(workspace.secret, query, { first })
  expect(errors).toEqual([])
  expect(data[list].nodes).toHaveLength(first)
  return sent.slice(from)
}

// Time must grow with what is shown, and not with one more trip to the database for each row.
test.each([...Object.entries(lists), ...Object.entries(deep)])(
  'a page of 50 %s takes as many statements as a page of 5',
  async (list, selection) => {
    await statementsOf(list, selection, 1)
    const few = await statementsOf(list, selection, 5)
    const many = await statementsOf(list, selection, rows)
    expect(few.length).toBeGreaterThan(2)
    expect(many.length, many.join('\n')).toBe(few.length)
  },
)
