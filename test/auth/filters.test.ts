import { type GraphQLInputObjectType, getNamedType, isInputObjectType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PermissionName, permissionNames } from '../../src/auth/permissions.ts'
import { schema } from '../../src/schema/schema.ts'
import { mint } from '../modules/access-token/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { insertKey } from './insert-key.ts'

/**
 * What each filter of each list asks for beyond the list itself, written out by hand: what it compares
 * must be what the caller may read of the rows. A filter that is added without a line here fails.
 */
const filters: Readonly<Record<string, Readonly<Record<string, readonly PermissionName[]>>>> = {
  accessTokens: { status: [], apiKeyId: ['keys:read'], ownerId: ['members:read'] },
  agents: { spaceId: [], status: [], search: [] },
  apiKeys: {
    status: [],
    ownerId: ['members:read'],
    spaceId: [],
    scopeId: ['scopes:read'],
    permission: ['scopes:read'],
    legacy: [],
    createdById: ['members:read'],
    createdByKeyId: [],
    createdAfter: [],
    createdBefore: [],
    expiresAfter: [],
    expiresBefore: [],
    lastUsedBefore: [],
    neverUsed: [],
    search: [],
    externalId: [],
    label: [],
  },
  auditEvents: {
    actions: [],
    actorId: ['members:read'],
    apiKeyId: [],
    targetId: [],
    since: [],
    until: [],
  },
  members: { kind: [], role: [], spaceId: ['spaces:read'], search: [] },
  scopes: { permission: [], search: [] },
  sessions: {
    agentId: ['agents:read'],
    status: [],
    reference: [],
    mine: [],
    createdAfter: [],
    createdBefore: [],
  },
  spaces: { visibility: [], search: [] },
}

/** What reads each list. */
const readsList: Readonly<Record<string, PermissionName>> = {
  accessTokens: 'tokens:read',
  agents: 'agents:read',
  apiKeys: 'keys:read',
  auditEvents: 'audit:read',
  members: 'members:read',
  scopes: 'scopes:read',
  sessions: 'sessions:read',
  spaces: 'spaces:read',
}

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

/** The input type of a list's filter. */
function filterOf(list: string): GraphQLInputObjectType | undefined {
  const args = schema.getQueryType()?.getFields()[list]?.args ?? []
  const type = getNamedType(args.find(({ name }) => name === 'filter')?.type)
  return isInputObjectType(type) ? type : undefined
}

const lists = Object.values(schema.getQueryType()?.getFields() ?? {})
  .map(({ name }) => name)
  .filter((name) => filterOf(name) !== undefined)

test('the table knows every filter of every list, and each says what it asks for', () => {
  for (const [list, its] of Object.entries(filters))
    for (const [filter, asks] of Object.entries(its)) {
      const text = filterOf(list)?.getFields()[filter]?.description ?? ''
      const told = asks.map((name) => `Needs \`${name}\`.`).join('')
      expect(/(Needs .*)?$/.exec(text)?.[0], `${list} ${filter}`).toBe(told)
    }
  const built = lists.map((list) => [list, Object.keys(filterOf(list)?.getFields() ?? {}).sort()])
  const known = Object.entries(filters).map(([list, its]) => [list, Object.keys(its).sort()])
  expect(Object.fromEntries(built)).toEqual(Object.fromEntries(known))
})

const values: Readonly<Record<string, unknown>> = {
  ID: 'key_00000000000000000000000000',
  String: 'agents:read',
  Boolean: true,
  DateTime: '2030-01-01T00:00:00Z',
  LabelInput: { name: 'n', value: 'v' },
}

/** Some value of the filter's type. */
function someValue(list: string, filter: string): unknown {
  if (filter === 'actions') return ['space.created']
  const type = getNamedType(filterOf(list)?.getFields()[filter]?.type)
  return type !== undefined && 'getValues' in type
    ? type.getValues()[0]?.name
    : values[type?.name ?? '']
}

async function ask(secret: string, list: string, filter: Readonly<Record<string, unknown>>) {
  const type = filterOf(list)?.name
  const query = `query ($filter: ${type}) { ${list}(filter: $filter) { nodes { id } } }`
  const { data, errors } = await world.gql(secret, query, { filter })
  const told = errors.map(({ extensions }) => extensions)
  return told.length > 0 ? told : data[list].nodes.map(({ id }: { id: string }) => id)
}

const keyWith = (permissions: readonly PermissionName[]) =>
  insertKey(world, { workspaceId: workspace.id, ownerId: workspace.ownerId, permissions })

const each = Object.entries(filters).flatMap(([list, its]) =>
  Object.entries(its).map(([filter, asks]) => [list, filter, asks] as const),
)

test.each(each)('%s(filter: { %s }): asks for %j beyond the list', async (list, filter, asks) => {
  const reads = readsList[list]
  if (reads === undefined) throw new Error(list)
  const given = { [filter]: someValue(list, filter) }
  const enough = await keyWith([reads, ...asks])
  for (const id of await ask(enough.secret, list, given)) expect(typeof id).toBe('string')
  for (const missing of asks) {
    const others = permissionNames.filter((name) => name !== missing)
    for (const held of [[reads], others]) {
      const { secret } = await keyWith(held)
      expect(await ask(secret, list, given)).toEqual([
        expect.objectContaining({
          code: 'FORBIDDEN',
          requiredPermissions: [missing],
          missingPermissions: [missing],
        }),
      ])
      // What is not compared is not asked for.
      expect(await ask(secret, list, { [filter]: null })).toEqual(await ask(secret, list, {}))
    }
  }
})

// Without the list's own permission nothing is told of its filters.
test('a list that is FORBIDDEN says so, whatever it is filtered by', async () => {
  const { secret } = await keyWith(['workspace:read'])
  for (const [list, filter] of each)
    expect(await ask(secret, list, { [filter]: someValue(list, filter) })).toEqual([
      expect.objectContaining({ code: 'FORBIDDEN', missingPermissions: [readsList[list]] }),
    ])
})

// A credential reads itself without any permission, so it may ask for its own tokens.
test('accessTokens(filter: { apiKeyId }): a key and its tokens ask for their own', async () => {
  const key = await seed(world, workspace.secret).key({ name: 'own', permissions: ['tokens:read'] })
  const token = await mint(world, key.secret)
  for (const secret of [key.secret, token.token])
    expect(await ask(secret, 'accessTokens', { apiKeyId: key.id })).toEqual([token.id])
  expect(await ask(key.secret, 'accessTokens', { apiKeyId: workspace.keyId })).toEqual([
    expect.objectContaining({ code: 'FORBIDDEN', missingPermissions: ['keys:read'] }),
  ])
})
