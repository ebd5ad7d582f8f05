import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { fill } from './fill.ts'

/** As many as the largest of these operations may ask for. */
const rows = 30

let world: World
let workspace: TestWorkspace
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  await fill(world, workspace, rows)
  // Whatever a first request sets up is not counted.
  for (const list of Object.keys(lists)) await statementsOf(list, 'nodes { __typename }', 1)
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const lists = {
  agents: 'nodes { name spaceIds spaces { name } createdBy { name } sessions { nodes { id } } }',
  spaces: `nodes { name agents { nodes { name } } apiKeys { nodes { name } }
    members { nodes { user { name } } } }`,
  accessTokens: 'nodes { status apiKey { name } spaces { name } }',
  apiKeys: `nodes { name effectivePermissions accessTokens { nodes { id } } owner { name } createdBy { name } revokedBy { name }
    scopes { name } spaces { effectivePermissions space { name } } }`,
  members: `nodes { keyCount apiKeys { nodes { name } } spaces { nodes { name } } }`,
  sessions: `nodes { agent { name } createdBy { name }
    runs(first: 3) { nodes { output createdBy { name } session { id } } } }`,
  scopes: 'nodes { name keyCount apiKeys { nodes { name } } }',
}

/** The same, further in: relations of the rows of a relation. */
const deep = {
  sessions: 'nodes { documents { createdBy { name } session { id } } }',
  spaces: `nodes { agents(first: 3) { nodes { createdBy { name } spaces { name
    members(first: 3) { nodes { keyCount } } } } } }`,
  members: `nodes { apiKeys(first: 3) { nodes { effectivePermissions owner { name }
    scopes { keyCount } spaces { space { agents(first: 3) { nodes { name } } } } } } }`,
}

async function statementsOf(list: string, selection: string, first: number): Promise<string[]> {
  const from = statements.sent.length
  const query = `query ($first: Int) { ${list}(first: $first) { ${selection} } }`
  const { data, errors } = await world.gql(workspace.secret, query, { first })
  expect(errors).toEqual([])
  expect(data[list].nodes).toHaveLength(first)
  // What is asked for. Writing when keys were used goes on beside it, and whether the credential has to
  // be read depends on what is remembered.
  return statements.sent
    .slice(from)
    .filter((text) => text.trimStart().startsWith('SELECT') && !text.includes('"ApiKeySecret" ps'))
}

// Time must grow with what is shown, and not with one more trip to the database for each row.
test.each([
  ...Object.entries(lists).map(([list, selection]) => [rows, list, 5, selection] as const),
  // As large as an operation with so much below it may be.
  ...Object.entries(deep).map(([list, selection]) => [7, list, 2, selection] as const),
])(
  'a page of %i %s takes as many statements as a page of %i',
  async (most, list, least, selection) => {
    await statementsOf(list, selection, 1)
    const few = await statementsOf(list, selection, least)
    const many = await statementsOf(list, selection, most)
    expect(few.length).toBeGreaterThan(2)
    expect(many.length, [...few, 'and', ...many].join('\n')).toBe(few.length)
  },
)
