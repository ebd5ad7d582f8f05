import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { type Furnished, furnish } from '../auth/furnish.ts'
import { insertKey } from '../auth/insert-key.ts'
import { seed } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type World } from '../setup/world.ts'
import { hiddenId, nodeTypes, ownId } from './node-types.ts'

let statements: Statements
let world: World
let mine: Furnished
let theirs: Furnished

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  mine = await furnish(world)
  theirs = await furnish(world)
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'

test('objects of all types come in the order of the ids, each as often as it is named', async () => {
  const own = nodeTypes.map((type) => ({ __typename: type.name, id: ownId(mine, type) }))
  for (const order of [own, own.toReversed(), [...own, ...own]]) {
    const ids = order.map(({ id }) => id)
    const { data, errors } = await world.gql(mine.secret, query, { ids })
    expect(errors).toEqual([])
    expect(data.nodes).toEqual(order)
  }
})

test('what is not there, not seen or no id is null in its place', async () => {
  const { agent, scope } = mine.own
  const unseen = [
    ...nodeTypes.flatMap((type) => hiddenId(mine, type) ?? []),
    ...nodeTypes.map((type) => ownId(theirs, type)),
    newId('agt'),
    newId('rep'),
    mine.ownerId,
    'none',
    '',
    `${agent}\0`,
  ]
  for (const secret of [mine.limited, mine.limitedToken]) {
    const { data, errors } = await world.gql(secret, query, { ids: [agent, ...unseen, scope] })
    expect(errors).toEqual([])
    expect(data.nodes).toEqual([
      { __typename: 'Agent', id: agent },
      ...unseen.map(() => null),
      { __typename: 'Scope', id: scope },
    ])
  }
})

// Each id of such a type fails by itself, and alike whether there is such an object.
test('an id of a type that the caller may not read is refused in its place', async () => {
  const key = { workspaceId: mine.id, ownerId: mine.ownerId, permissions: ['agents:read'] }
  const { secret } = await insertKey(world, key)
  const { agent, space, scope } = mine.own
  const ids = [space, agent, newId('spc'), theirs.own.space, scope, 'none']
  const { status, data, errors } = await world.gql(secret, query, { ids })
  const shown = { __typename: 'Agent', id: agent }
  expect({ status, data }).toEqual({
    status: 200,
    data: { nodes: [null, shown, null, null, null, null] },
  })
  expect(
    errors.map(({ path, extensions }) => [path, extensions.code, extensions.missingPermissions]),
  ).toEqual([
    [['nodes', 0], 'FORBIDDEN', ['spaces:read']],
    [['nodes', 2], 'FORBIDDEN', ['spaces:read']],
    [['nodes', 3], 'FORBIDDEN', ['spaces:read']],
    [['nodes', 4], 'FORBIDDEN', ['scopes:read']],
  ])
})

test('each refused id counts as an error: of many there is one refusal', async () => {
  const key = { workspaceId: mine.id, ownerId: mine.ownerId, permissions: [] }
  const { secret } = await insertKey(world, key)
  const ids = Array.from({ length: 100 }, () => newId('agt'))
  const one = await world.gql(secret, query, { ids })
  expect(one.errors).toHaveLength(100)
  const many = Array.from({ length: 10 }, (_, index) => `n${index}: nodes(ids: $ids) { id }`)
  const { data, errors } = await world.gql(secret, `query ($ids: [ID!]!) { ${many.join(' ')} }`, {
    ids,
  })
  expect(data).toBeNull()
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COMPLEX'])
})

test('100 ids are answered, 101 are refused before anything is run, and none are none', async () => {
  const of = (length: number): string[] => Array.from({ length }, () => mine.own.agent)
  const { data, errors } = await world.gql(mine.secret, query, { ids: of(100) })
  expect(errors).toEqual([])
  expect(data.nodes).toEqual(of(100).map((id) => ({ __typename: 'Agent', id })))
  expect((await world.gql(mine.secret, query, { ids: [] })).data).toEqual({ nodes: [] })
  const literal = `{ nodes(ids: ${JSON.stringify(of(101))}) { id } }`
  const refused = [
    await world.gql(mine.secret, query, { ids: of(101) }),
    await world.gql(mine.secret, literal),
  ]
  for (const answer of refused) {
    expect(answer.data ?? null).toBeNull()
    expect(answer.errors).toMatchObject([
      {
        message: 'ids names at most 100 objects.',
        extensions: { code: 'BAD_USER_INPUT', path: ['ids'] },
      },
    ])
  }
})

test('each id costs 1, and what is asked of its object as much as by its own query field', async () => {
  const remaining = async (text: string, variables?: Readonly<Record<string, unknown>>) => {
    const { headers } = await world.gql(limited.secret, text, variables)
    return Number(headers.get('x-ratelimit-remaining'))
  }
  const limited = await seed(world, mine.secret).key({
    name: 'counted',
    permissions: ['*'],
    requestsPerMinute: 1_000,
  })
  const costs: readonly [cost: number, text: string, ids?: readonly string[]][] = [
    [1, '{ viewer { kind } }'],
    [1, `{ node(id: "${mine.own.agent}") { id } }`],
    [3, query, [mine.own.agent, mine.own.agent, 'none']],
    [1, query, []],
    [
      2 + 2 * 2,
      `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Agent { spaces { id } createdBy { id } } } }`,
      [mine.own.agent, mine.own.space],
    ],
  ]
  let before = await remaining('{ viewer { kind } }')
  for (const [cost, text, ids] of costs) {
    const after = await remaining(text, ids && { ids })
    expect(before - after, text).toBe(cost)
    before = after
  }
})

async function statementsOf(ids: readonly string[], selection: string): Promise<number> {
  const text = `query ($ids: [ID!]!) { nodes(ids: $ids) { id ${selection} } }`
  const from = statements.sent.length
  const { data, errors } = await world.gql(mine.secret, text, { ids })
  expect(errors).toEqual([])
  expect(data.nodes.map(({ id }: { id: string }) => id)).toEqual(ids)
  return statements.sent
    .slice(from)
    .filter((sent) => sent.trimStart().startsWith('SELECT') && !sent.includes('"ApiKeySecret" ps'))
    .length
}

test('objects of one type are read in one statement, and so is each of their relations', async () => {
  const make = seed(world, mine.secret)
  const agents: string[] = []
  for (let index = 0; index < 10; index += 1)
    agents.push(await make.agent({ name: `a${index}`, spaceIds: [mine.own.space] }))
  const relations = '... on Agent { name createdBy { name } spaces { name } }'
  await statementsOf(agents, relations)
  expect(await statementsOf(agents, '')).toBe(1)
  expect(await statementsOf([...agents, mine.own.space, mine.own.scope], '')).toBe(3)
  const ofOne = await statementsOf(agents.slice(0, 1), relations)
  expect(await statementsOf(agents, relations)).toBe(ofOne)
})
