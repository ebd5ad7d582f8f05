import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { type Furnished, furnish } from '../auth/furnish.ts'
import { insertKey } from '../auth/insert-key.ts'
import { insertDocument } from '../auth/insert-session.ts'
import { done, seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { hiddenId, itemQuery, nodeNames, nodeTypes, ownId } from './node-types.ts'

let world: World
let mine: Furnished
let theirs: Furnished

beforeAll(async () => {
  world = await createWorld()
  mine = await furnish(world)
  theirs = await furnish(world)
})
afterAll(() => world.close())

const query = 'query ($id: ID!) { node(id: $id) { __typename id } }'

async function nodeOf(secret: string, id: string): Promise<unknown> {
  const { status, data, errors } = await world.gql(secret, query, { id })
  expect({ status, errors }, id).toEqual({ status: 200, errors: [] })
  return data.node
}

test('the types of Node are those of the contract that have an id of their own', () => {
  expect(nodeNames.toSorted()).toEqual([
    'AccessToken',
    'Agent',
    'ApiKey',
    'AuditEvent',
    'Document',
    'Member',
    'Run',
    'Scope',
    'Session',
    'Space',
    'WebhookEndpoint',
    'Workspace',
  ])
})

test.each(nodeTypes)('$name: it is what its own query field shows', async (type) => {
  const id = ownId(mine, type)
  const its = itemQuery(type, id)
  for (const secret of [mine.secret, mine.limited, mine.limitedToken]) {
    const { data, errors } = await world.gql(
      secret,
      `{ node(id: "${id}") { __typename id ... on ${type.name} { ${type.leaves} } }
         its: ${its} { __typename id ${type.leaves} } }`,
    )
    const { __typename, id: shown } = data.node
    expect({ __typename, id: shown }).toEqual({ __typename: type.name, id })
    expect([data.node]).toEqual([data.its].flat())
    // What needs a further permission is refused in both places alike.
    const refusedIn = (root: string) =>
      errors.flatMap(({ path = [], extensions }) =>
        path[0] === root ? [[...path.slice(1), extensions.missingPermissions]] : [],
      )
    expect(refusedIn('node')).toEqual(refusedIn('its'))
  }
})

test.each(nodeTypes)('$name: what the caller does not see is null', async (type) => {
  const hidden = hiddenId(mine, type)
  const unseen = [ownId(theirs, type), newId(ownId(mine, type).slice(0, 3) as 'agt')]
  for (const id of unseen) expect(await nodeOf(mine.secret, id), id).toBeNull()
  for (const secret of [mine.limited, mine.limitedToken])
    for (const id of [...unseen, ...(hidden === undefined ? [] : [hidden])])
      expect(await nodeOf(secret, id), id).toBeNull()
  if (hidden !== undefined)
    expect(await nodeOf(mine.secret, hidden)).toEqual({ __typename: type.name, id: hidden })
})

// The same error whether there is such an object, the caller could see it, or nothing of the kind.
test.each(nodeTypes)('$name: without its permission an id tells nothing', async (type) => {
  const id = ownId(mine, type)
  const key = { workspaceId: mine.id, ownerId: mine.ownerId, permissions: [] }
  const { secret } = await insertKey(world, key)
  const [permission = ''] = type.needs
  const failures = new Set<string>()
  for (const named of [id, ownId(theirs, type), newId(id.slice(0, 3) as 'agt')]) {
    const { status, data, errors } = await world.gql(secret, query, { id: named })
    expect({ status, data }).toEqual({ status: 200, data: { node: null } })
    for (const { message, path, extensions } of errors) {
      const { requestId: _, ...rest } = extensions
      failures.add(JSON.stringify({ message, path, ...rest }))
    }
  }
  const its = itemQuery(type, id)
  const item = await world.gql(secret, `{ node: ${its} { id } }`)
  const [{ message, path, extensions } = { message: '', extensions: {} }] = item.errors
  const { requestId: _, ...rest } = extensions
  expect(rest).toMatchObject({ code: 'FORBIDDEN', missingPermissions: [permission] })
  expect([...failures]).toEqual([JSON.stringify({ message, path, ...rest })])
})

test('what is deleted or removed is null', async () => {
  const make = seed(world, mine.secret)
  const machine = await make.machine({ name: 'leaving', role: 'MEMBER' })
  const space = await make.space({ name: 'leaving' })
  const doomed: readonly [id: string, mutation: string][] = [
    [await make.agent({ name: 'leaving', spaceIds: [mine.own.space] }), 'deleteAgent'],
    [space, 'deleteSpace'],
    [await make.scope({ name: 'leaving', permissions: [] }), 'deleteScope'],
    [machine.id, 'removeMember'],
    [await insertDocument(world, mine, mine.own.session), 'deleteDocument'],
  ]
  for (const [id, mutation] of doomed) {
    expect(await nodeOf(mine.secret, id), id).toMatchObject({ id })
    await done(world, mine.secret, mutation, '__typename', { id })
    expect(await nodeOf(mine.secret, id), id).toBeNull()
  }
})

const agent = () => mine.own.agent
const noIds: Readonly<Record<string, () => string>> = {
  'of no kind that there is': () => newId('xxx' as 'agt'),
  'of a kind that is no node': () => newId('rep'),
  'of a user': () => mine.ownerId,
  'no text': () => '',
  'no id at all': () => 'agent',
  'cut short': () => agent().slice(0, -1),
  'too long': () => `${agent()}0`,
  'in capitals': () => agent().toUpperCase(),
  'with a NUL': () => `${agent()}\0`,
  'with a line break': () => `${agent()}\n`,
  'of a prototype': () => '__proto__',
  'of a prototype, in the shape of an id': () => `__p_${'0'.repeat(26)}`,
  'a kind alone': () => 'agt',
  'very long': () => 'agt_'.repeat(10_000),
}
test.each(Object.entries(noIds))('%s: null, also without any permission', async (_, id) => {
  const key = { workspaceId: mine.id, ownerId: mine.ownerId, permissions: [] }
  const { secret } = await insertKey(world, key)
  for (const asking of [mine.secret, secret]) expect(await nodeOf(asking, id())).toBeNull()
})

test('relations under a fragment ask for their own permission', async () => {
  const key = { workspaceId: mine.id, ownerId: mine.ownerId, permissions: ['agents:read'] }
  const { secret } = await insertKey(world, { ...key, spaceIds: [mine.own.space] })
  const { data, errors } = await world.gql(
    secret,
    `query ($id: ID!) { node(id: $id) { ...A ... on Space { agents { nodes { id } } } } }
     fragment A on Node { id ... on Agent { name spaces { id } createdBy { id } } }`,
    { id: agent() },
  )
  expect(data.node).toEqual({ id: agent(), name: 'agent', spaces: null, createdBy: null })
  expect(errors.map(({ path, extensions }) => [path, extensions.missingPermissions])).toEqual([
    [['node', 'spaces'], ['spaces:read']],
    [['node', 'createdBy'], ['members:read']],
  ])
})

test('relations of an object are those of its own query field', async () => {
  const selection = 'createdBy { name } spaces { name } sessions { nodes { id agent { name } } }'
  const { data, errors } = await world.gql(
    mine.secret,
    `{ node(id: "${agent()}") { ... on Agent { ${selection} } } agent(id: "${agent()}") { ${selection} } }`,
  )
  expect(errors).toEqual([])
  expect(data.node.sessions.nodes).not.toEqual([])
  expect(data.node).toEqual(data.agent)
})
