import { expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { mutationField, namesOf, operationOf, queryField } from '../../auth/every-field.ts'
import { fieldPermissions } from '../../auth/field-permissions.ts'
import { insertKey } from '../../auth/insert-key.ts'
import { processorTime } from '../../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { required } from './ask.ts'

useWorkspace()

const ask = (operation: string, variables?: object | string, operationName?: string) =>
  required(world, workspace.secret, operation, variables, operationName)

const call = { Query: queryField, Mutation: mutationField } as const
const roots = (['Query', 'Mutation'] as const).flatMap((type) =>
  namesOf(type).map((name) => [type, name] as const),
)

// What a field declares is what is named, whatever it is: the table is the same as that of the matrix.
test.each(roots)('%s.%s asks for what the table says', async (type, name) => {
  const asked = fieldPermissions[type]?.guarded[name]
  const isOnlyHumans = name === 'createWorkspace'
  const text = operationOf(type === 'Query' ? 'query' : 'mutation', [call[type](name)])
  const { fields, onlyHumans, errors } = await ask(text)
  expect({ fields, onlyHumans, errors }).toEqual({
    fields: asked ? [{ path: name, permissions: asked }] : [],
    onlyHumans: isOnlyHumans,
    errors: [],
  })
})

const filter = 'query ($f: ApiKeyFilter) { apiKeys(filter: $f) { nodes { id } } }'
const found = `query ($id: ID!) { node(id: $id) { ... on Agent { createdBy { id } } ... on Space { agents { nodes { id } } } } }`
const shown = `query ($a: Boolean!, $b: Boolean!) {
  agents @include(if: $a) { nodes { ...Of } } scopes @skip(if: $b) { nodes { id } } }
  fragment Of on Agent { n: name createdBy { id } ... { own: spaces { id } } }`
const explained =
  'query ($id: ID) { explainAccess(input: { permissions: [], accessTokenId: $id }) { code } }'
const removed =
  'mutation ($all: Boolean) { removeMember(input: { id: "mem", revokeCreated: $all }) { errors { code } } }'
const all = ['workspace:read', 'workspace:update', 'members:read', 'spaces:read', 'agents:read']
all.push('sessions:read', 'documents:read', 'scopes:read', 'keys:read', 'tokens:read', 'audit:read')

const operations: readonly (readonly [string, string, object | undefined, readonly string[]])[] = [
  [
    'what its permissions require',
    'mutation ($f: File!) { uploadDocument(input: { sessionId: "s", file: $f }) { errors { code } } }',
    undefined,
    ['agents:read', 'sessions:read', 'documents:read', 'documents:upload'],
  ],
  [
    'conditional fields, none known',
    shown,
    undefined,
    ['members:read', 'spaces:read', 'agents:read', 'scopes:read'],
  ],
  [
    'conditional fields, included',
    shown,
    { a: true, b: true },
    ['members:read', 'spaces:read', 'agents:read'],
  ],
  ['conditional fields, skipped', shown, { a: false, b: false }, ['scopes:read']],
  ['a filter that is not known', filter, undefined, ['members:read', 'scopes:read', 'keys:read']],
  [
    'a filter of variables',
    filter,
    { f: { scopeId: 'a', ownerId: null } },
    ['scopes:read', 'keys:read'],
  ],
  ['no filter', filter, { f: {} }, ['keys:read']],
  [
    'a literal filter',
    '{ apiKeys(filter: { status: ACTIVE, ownerId: "a" }) { nodes { id } } }',
    undefined,
    ['members:read', 'keys:read'],
  ],
  ['an object of an unknown kind', found, undefined, all],
  ['an agent by its id', found, { id: newId('agt') }, ['members:read', 'agents:read']],
  ['a space by its id', found, { id: newId('spc') }, ['spaces:read', 'agents:read']],
  ['an id of nothing', found, { id: 'nothing' }, []],
  [
    'objects by literal ids',
    `{ nodes(ids: ["${newId('key')}", "${newId('scp')}"]) { id } }`,
    undefined,
    ['scopes:read', 'keys:read'],
  ],
  ['about a token that is not known', explained, undefined, ['keys:read', 'tokens:read']],
  ['about a token', explained, { id: newId('tok') }, ['keys:read', 'tokens:read']],
  ['about oneself', explained, { id: null }, []],
  [
    'revocations that are not known',
    removed,
    undefined,
    ['members:read', 'members:delete', 'keys:read', 'keys:delete'],
  ],
  [
    'revocations',
    removed,
    { all: true },
    ['members:read', 'members:delete', 'keys:read', 'keys:delete'],
  ],
  ['no revocations', removed, { all: false }, ['members:read', 'members:delete']],
  [
    'leaving as nobody',
    'mutation { removeMember(input: { id: "" }) { errors { code } } }',
    undefined,
    ['members:read', 'members:delete'],
  ],
  [
    'introspection',
    '{ __schema { types { name } } __type(name: "Agent") { name } }',
    undefined,
    [],
  ],
]

test.each(operations)('requiredPermissions: %s', async (_, operation, variables, permissions) => {
  const answer = await ask(operation, variables)
  expect(answer).toMatchObject({ permissions, errors: [] })
})

test('fields are named by their paths, each with what it asks for itself', async () => {
  const { fields } = await ask(shown)
  expect(fields).toEqual([
    { path: 'agents', permissions: ['agents:read'] },
    { path: 'agents.nodes.createdBy', permissions: ['members:read'] },
    { path: 'agents.nodes.own', permissions: ['spaces:read'] },
    { path: 'scopes', permissions: ['scopes:read'] },
  ])
})

test('of several operations the named one counts', async () => {
  const both = 'query A { scopes { nodes { id } } } query B { agents { nodes { id } } }'
  expect(await ask(both, undefined, 'B')).toMatchObject({ permissions: ['agents:read'] })
})

const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ')

/** Each level twice the one before. */
const doubled = (levels: number, level: (next: string) => string): string =>
  `{ spaces { nodes { ...F0 } } }
  ${many(levels, (index) => `fragment F${index} on Space { ${level(`...F${index + 1}`)} }`)}
  fragment F${levels} on Space { id }`

const twice = (next: string): string => `agents { nodes { spaces { ${next} } } }`

type Refused = [string, string, string, RegExp, (object | string | undefined)?, string?]
const refusals: readonly Refused[] = [
  ['no text', '', 'operation', /^Syntax Error: Unexpected <EOF>\. \(line 2, column 4\)$/],
  ['no GraphQL', '{ a', 'operation', /^Syntax Error/],
  [
    'a field that is not there',
    '{ agentz { id } }',
    'operation',
    /"agentz".*\(line 1, column 3\)$/,
  ],
  [
    'an operation that is not there',
    'query A { viewer { kind } }',
    'operationName',
    /no operation/,
    undefined,
    'B',
  ],
  [
    'several operations',
    'query A { viewer { kind } } query B { viewer { kind } }',
    'operationName',
    /Name one/,
  ],
  ['a subscription', 'subscription { a }', 'operation', /no subscriptions/],
  [
    'a missing variable',
    filter.replace('Filter', 'Filter!'),
    'variables',
    /"\$f" of required type/,
    {},
  ],
  [
    'a variable of another type',
    filter,
    'variables',
    /"\$f" got invalid value/,
    { f: { status: 1 } },
  ],
  [
    'null for an argument that needs a value',
    'query ($id: ID = "agt") { agent(id: $id) { id } }',
    'variables',
    /"id" .* must not be null/,
    { id: null },
  ],
  [
    'null for a condition',
    'query ($if: Boolean = true) { agents @include(if: $if) { nodes { id } } }',
    'variables',
    /"if" .* must not be null/,
    { if: null },
  ],
  ['variables that are no JSON', filter, 'variables', /JSON/, '{'],
  [
    'variables with a long list for each of many fields',
    `query ($ids: [ID!]!) { ${many(30, (i) => `a${i}: nodes(ids: $ids) { id }`)} }`,
    'variables',
    /longer than 16384 bytes/,
    { ids: Array(180_000).fill('a') },
  ],
  ['variables that are a list', filter, 'variables', /JSON object/, '[]'],
  ['too many tokens', `{ ${many(600, (i) => `a${i}: viewer`)} }`, 'operation', /1000 tokens/],
  ['too many bytes', `# ${'x'.repeat(17_000)}\n{ viewer { kind } }`, 'operation', /16384 bytes/],
  ['too deep', doubled(8, (next) => twice(next)), 'operation', /12 fields deep/],
  [
    'too many root fields',
    `{ ${many(31, (i) => `a${i}: viewer { kind }`)} }`,
    'operation',
    /30 root fields/,
  ],
  [
    'a bomb of aliases',
    doubled(3, (next) =>
      many(9, (i) => `a${i}: agents { nodes { ...on Agent { spaces { ${next} } } } }`),
    ),
    'operation',
    /at most/,
  ],
  [
    'a bomb of fragments',
    doubled(25, (next) => `a: ${twice(next)} b: ${twice(next)}`),
    'operation',
    /at most/,
  ],
]

// Each is another text, so that nothing of it is known from before.
test.each(refusals)(
  'requiredPermissions refuses %s, and takes no time',
  async (_, operation, argument, message, variables, name) => {
    const took: number[] = []
    for (const attempt of [1, 2, 3]) {
      const text = `${operation}\n# ${attempt}`
      const { value, ms } = await processorTime(() => ask(text, variables, name))
      took.push(ms)
      expect(value).toMatchObject({ permissions: [], fields: [], onlyHumans: false })
      expect(value.errors[0]).toEqual({
        code: 'INVALID',
        path: [argument],
        message: expect.stringMatching(message),
      })
    }
    expect(Math.min(...took)).toBeLessThan(200)
  },
)

test('every problem of an operation is named', async () => {
  const { errors } = await ask('{ agentz { id } spaces(last: 1) { nodes { id } } }')
  expect(errors).toHaveLength(2)
})

test('requiredPermissions needs a credential, and no permission', async () => {
  const operation = '{ agents { nodes { id } } }'
  const query = `{ requiredPermissions(operation: "${operation}") { permissions } }`
  expect((await world.gql(null, query)).status).toBe(401)
  const { id: workspaceId, ownerId } = workspace
  const nothing = await insertKey(world, { workspaceId, ownerId, permissions: [] })
  const { permissions } = await required(world, nothing.secret, operation)
  expect(permissions).toEqual(['agents:read'])
})
