import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../src/schema/schema.ts'
import { done } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { fill } from './fill.ts'

const rows = 50
/** How many rows are compared; of a list within the rows fewer, for an operation costs 1,000 at most. */
const pages = { outer: [5, rows], inner: [2, 7] } as const

/** Relations of the rows of relations, several at once. */
const deep = {
  sessions: 'documents { createdBy { name } session { id } }',
  spaces: `agents(first: 3) { nodes { createdBy { name } spaces { name
    members(first: 3) { nodes { keyCount } } } } }`,
  members: `apiKeys(first: 3) { nodes { effectivePermissions owner { name }
    scopes { keyCount } spaces { space { agents(first: 3) { nodes { name } } } } } }`,
}

let world: World
let workspace: TestWorkspace
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  await fill(world, workspace, rows)
  for (let count = 0; count < rows; count++)
    await done(world, workspace.secret, 'createScope', 'scope { id }', { name: `scope ${count}` })
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

type Field = GraphQLField<unknown, unknown>

const fieldsOf = (type: GraphQLObjectType): Field[] =>
  Object.values(type.getFields()).filter(({ args }) => !args.some(isRequiredArgument))

const objectOf = ({ type }: Field): GraphQLObjectType | undefined => {
  const named = getNamedType(type)
  return isObjectType(named) ? named : undefined
}

const nodeOf = (type: GraphQLObjectType): GraphQLObjectType | undefined => {
  const { nodes } = type.getFields()
  return nodes && type.name.endsWith('Connection') ? objectOf(nodes) : undefined
}

/** All that is shown without another object. */
const leavesOf = (type: GraphQLObjectType): string =>
  fieldsOf(type)
    .filter((field) => isLeafType(getNamedType(field.type)))
    .map(({ name }) => name)
    .join(' ')

/** A relation of the rows of a list: where it is, and what is asked for there. */
interface Relation {
  readonly name: string
  readonly list: string
  readonly selection: string
  readonly page: keyof typeof pages
  /** Whether there are several relations in it, each of which takes a statement at least. */
  readonly isSeveral?: boolean
}

/** The relations of a type, and of what only its rows lead to. */
function relationsOf(
  type: GraphQLObjectType,
  list: string,
  within: (selection: string) => string,
  isListed: ReadonlySet<string>,
  page: Relation['page'] = 'outer',
): Relation[] {
  return fieldsOf(type).flatMap((field) => {
    const target = objectOf(field)
    if (target === undefined) return []
    const node = nodeOf(target)
    const below = (selection: string): string =>
      within(
        node === undefined
          ? `${field.name} { ${selection} }`
          : `${field.name}(first: 2) { nodes { ${selection} } }`,
      )
    const relation = {
      name: `${type.name}.${field.name}`,
      list,
      selection: below(leavesOf(node ?? target)),
      page,
    }
    const isOnlyHere = node !== undefined || isListType(nullable(field))
    const further = node ?? target
    return isOnlyHere && !isListed.has(further.name) && further.name !== type.name
      ? [
          relation,
          ...relationsOf(further, list, below, new Set([...isListed, further.name]), 'inner'),
        ]
      : [relation]
  })
}

const nullable = ({ type }: Field) => getNullableType(type)

function everyRelation(): Relation[] {
  const query = schema.getQueryType()
  if (!query) throw new Error('there are no queries')
  const lists = fieldsOf(query).flatMap((field) => {
    const type = objectOf(field)
    const node = type && nodeOf(type)
    return node ? [{ list: field.name, node }] : []
  })
  const isListed = new Set(lists.map(({ node }) => node.name))
  return lists.flatMap(({ list, node }) => relationsOf(node, list, (it) => it, isListed))
}

async function statementsOf({ list, selection }: Relation, first: number): Promise<string[]> {
  const from = statements.sent.length
  const query = `query ($first: Int) { ${list}(first: $first) { nodes { ${selection} } } }`
  const { data, errors } = await world.gql(workspace.secret, query, { first })
  expect(errors, query).toEqual([])
  // By a key there is one workspace to list.
  if (list !== 'workspaces') expect(data[list].nodes, query).toHaveLength(first)
  // Beside it, uses are written, and the credential may have to be read.
  return statements.sent
    .slice(from)
    .filter((text) => text.trimStart().startsWith('SELECT') && !text.includes('"ApiKeySecret" ps'))
}

/** All relations of the rows of a list at once. */
function togetherOf(relations: readonly Relation[]): Relation[] {
  const lists = Map.groupBy(
    relations.filter(({ page }) => page === 'outer'),
    ({ list }) => list,
  )
  return [...lists].map(([list, its]) => ({
    name: `all relations of ${list}`,
    list,
    selection: its.map(({ selection }) => selection).join(' '),
    page: 'inner',
    isSeveral: its.length > 1,
  }))
}

const relations = everyRelation()
const deeper = Object.entries(deep).map(
  ([list, selection]): Relation => ({
    name: `deep in ${list}`,
    list,
    selection,
    page: 'inner',
    isSeveral: true,
  }),
)

test('the relations of all types are found', () => {
  const types = new Set(relations.map(({ name }) => name.split('.')[0]))
  for (const type of ['Agent', 'Document', 'Member', 'Run', 'Scope', 'Session', 'Space', 'ApiKey'])
    expect([...types]).toContain(type)
})

// Time must grow with what is shown, and not with one more trip to the database for each row.
test.each(
  [...relations, ...togetherOf(relations), ...deeper].map(
    (relation) => [relation.name, relation] as const,
  ),
)('%s of a long page takes as many statements as of a short one', async (_name, relation) => {
  await statementsOf(relation, 1)
  const [least, most] = pages[relation.page]
  const few = await statementsOf(relation, least)
  const many = await statementsOf(relation, most)
  expect(few.length).toBeGreaterThan(relation.isSeveral ? 2 : 0)
  expect(many.length, [...few, 'and', ...many].join('\n')).toBe(few.length)
})
