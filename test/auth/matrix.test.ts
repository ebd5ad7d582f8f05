import { type GraphQLObjectType, isObjectType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { permissionNames } from '../../src/auth/permissions.ts'
import { ceilings } from '../../src/auth/roles.ts'
import { isForPeople, requirementOf } from '../../src/schema/guard.ts'
import { schema } from '../../src/schema/schema.ts'
import { done, seed } from '../setup/seed.ts'
import { type Answer, createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { mutations, namesOf, queries, queryArguments, ways } from './every-field.ts'
import { fieldPermissions } from './field-permissions.ts'
import { insertKey, type RawKey } from './insert-key.ts'
import { insertDocument, insertRun, insertSession } from './insert-session.ts'

let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let space = ''
let agent = ''

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  space = await make.space({ name: 'space' })
  agent = await make.agent({ name: 'agent', spaceIds: [space] })
  const session = await insertSession(world, workspace, agent)
  await insertRun(world, workspace, session)
  await insertDocument(world, workspace, session)
  await make.scope({ name: 'scope', permissions: ['agents:read'] })
  await done(world, workspace.secret, 'createWebhookEndpoint', 'endpoint { id }', {
    url: 'https://hooks.example.com/',
  })
  const key = await make.key({ name: 'minting', spaces: [{ spaceId: space }] })
  await done(world, key.secret, 'createAccessToken', 'token', {})
})
afterAll(() => world.close())

const keyOf = (
  permissions: readonly string[],
  more: Partial<RawKey> = {},
): Promise<{ id: string; secret: string }> =>
  insertKey(world, { workspaceId: workspace.id, ownerId: workspace.ownerId, permissions, ...more })

const objectTypes = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'),
)

// Every field of every type has its line in the table: one that is added, or whose decision
// changes, is looked at by a human before it is served.
test('each field asks for what the table says, and the table knows every field', () => {
  const built = objectTypes.map((type) => {
    const fields = Object.values(type.getFields())
    const asked = (field: (typeof fields)[number]): readonly string[] | undefined =>
      requirementOf(field)?.permissions ?? (isForPeople(field) ? [] : undefined)
    const guarded = fields.map((field) => [field.name, asked(field)] as const)
    const open = fields.filter((field) => asked(field) === undefined)
    return [
      type.name,
      {
        open: open
          .map(({ name }) => name)
          .sort()
          .join(' '),
        guarded: Object.fromEntries(guarded.filter(([, permissions]) => permissions)),
      },
    ]
  })
  expect(Object.fromEntries(built)).toEqual(fieldPermissions)
})

/** What asks for all spaces as well. */
const forAllSpaces = ['Mutation.createSpace', 'Query.auditEvents', 'Query.auditIntegrity']

test('few fields ask for all spaces, and only what is about oneself is exempt', () => {
  const fields = objectTypes.flatMap((type) =>
    Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const),
  )
  const having = (part: 'allSpaces' | 'unless'): string[] =>
    fields.filter(([, field]) => requirementOf(field)?.[part]).map(([name]) => name)
  expect(having('allSpaces').sort()).toEqual(forAllSpaces)
  expect(having('unless').sort()).toEqual([
    'AccessToken.apiKey',
    'Mutation.removeMember',
    'Mutation.revokeAccessToken',
    'Mutation.revokeAccessTokens',
    'Mutation.revokeApiKey',
    'Mutation.rotateApiKey',
    'Query.explainAccess',
    'Viewer.workspace',
  ])
})

const isForAllSpaces = (path: string): boolean =>
  path === 'asAuditEvent' || forAllSpaces.some((name) => name.endsWith(`.${path}`))

interface Refusal {
  readonly path: string
  readonly required: readonly string[]
  readonly missing: readonly string[]
}

/** What the table refuses to a key that holds these permissions, in spaces that it names. */
function expectedRefusals(held: ReadonlySet<string>, allSpaces: boolean): Refusal[] {
  const refusals: Refusal[] = []
  const ask = (path: string, required: readonly string[]): boolean => {
    const missing = required.filter((name) => !held.has(name))
    const isForPeopleOnly = path === 'createWorkspace'
    const needsAllSpaces = isForAllSpaces(path)
    const refused = missing.length > 0 || isForPeopleOnly || (needsAllSpaces && !allSpaces)
    if (refused) refusals.push({ path, required, missing })
    return !refused
  }
  for (const root of ['Query', 'Mutation'])
    for (const [name, required] of Object.entries(fieldPermissions[root]?.guarded ?? {}))
      ask(name, required)
  for (const { type, at, needs, atNeeds = [] } of ways)
    if (ask(`as${type}`, needs) && ask(`as${type}.${at}`, atNeeds))
      for (const [name, required] of Object.entries(fieldPermissions[type]?.guarded ?? {}))
        ask([`as${type}`, at, name].filter(Boolean).join('.'), required)
  return refusals.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** What was refused; anything that failed otherwise than by FORBIDDEN is a failure of the test. */
function refusalsOf(answer: Answer<any>): Refusal[] {
  expect(answer.status).toBe(200)
  const refusals = answer.errors.map(({ path = [], extensions }): [string, Refusal] => {
    expect(extensions.code).toBe('FORBIDDEN')
    const { requiredPermissions, missingPermissions } = extensions as Record<string, string[]>
    const named = path.filter((step) => typeof step === 'string').join('.')
    return [
      named,
      { path: named, required: requiredPermissions ?? [], missing: missingPermissions ?? [] },
    ]
  })
  // Of a list each row has its own refusal.
  return [...new Map(refusals).values()]
}

async function assertRefusals(secret: string, held: ReadonlySet<string>, allSpaces: boolean) {
  const ask = (parts: readonly string[]) =>
    Promise.all(parts.map((part) => world.gql<any>(secret, part)))
  const read = await ask(queries)
  const written = await ask(mutations)
  const refusals = [...read, ...written].flatMap(refusalsOf)
  const expected = expectedRefusals(held, allSpaces)
  expect(refusals.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(expected)
  const refused = new Set(expected.map(({ path }) => path))
  const payloads = Object.assign({}, ...written.map(({ data }) => data))
  for (const name of namesOf('Mutation'))
    if (refused.has(name)) expect(payloads[name]).toBeNull()
    else expect(payloads[name].errors, name).not.toEqual([])
  const found = Object.assign({}, ...read.map(({ data }) => data))
  for (const name of namesOf('Query'))
    if (refused.has(name)) expect(found[name]).toBeNull()
    else if (!(name in queryArguments)) expect(found[name], name).not.toBeNull()
}

// Each permission opens exactly the fields that ask for it: alone, and with what it takes to come
// to each type's own relations.
test.each(permissionNames)('a key with nothing but %s', async (permission) => {
  for (const parent of new Set([permission, ...ways.flatMap(({ needs }) => needs)])) {
    const held = new Set([permission, parent])
    const { secret } = await keyOf([...held], { spaceIds: [space] })
    await assertRefusals(secret, held, false)
  }
})

test('a key without any permission', async () => {
  const { secret } = await keyOf([], { spaceIds: [space] })
  await assertRefusals(secret, new Set(), false)
})

// A role's ceiling cuts the key, whatever it declares.
test.each(['OWNER', 'ADMIN', 'BUILDER', 'MEMBER'] as const)(
  'a key with everything, of a user of the role %s',
  async (role) => {
    const ownerId =
      role === 'OWNER'
        ? workspace.ownerId
        : (await make.machine({ name: role, role, spaceIds: [space] })).userId
    const held: ReadonlySet<string> = ceilings[role]
    // A member sees none but their own.
    const session = await insertSession(world, { ...workspace, ownerId }, agent)
    await insertRun(world, { ...workspace, ownerId }, session)
    await insertDocument(world, { ...workspace, ownerId }, session)
    const all = await keyOf(['*'], { ownerId })
    await assertRefusals(all.secret, held, role === 'OWNER' || role === 'ADMIN')
    const listed = await keyOf(['*'], { ownerId, spaceIds: [space] })
    await assertRefusals(listed.secret, held, false)
  },
)

// Ending oneself takes no permission; ending anything else with it does, one's own user included.
test('a key may revoke itself, and nothing else, without any permission', async () => {
  const user = await make.machine({ name: 'stayer', role: 'MEMBER' })
  const key = await keyOf([], { ownerId: user.userId })
  const refused = await world.gql(
    key.secret,
    `mutation { a: revokeApiKey(input: { id: "${key.id}", includeCreated: true }) { errors { code } }
      b: revokeApiKey(input: { id: "${workspace.keyId}" }) { errors { code } }
      c: removeMember(input: { id: "${workspace.ownerMemberId}" }) { errors { code } }
      d: removeMember(input: { id: "${user.id}" }) { errors { code } } }`,
  )
  expect(refused.data).toEqual({ a: null, b: null, c: null, d: null })
  await done(world, key.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
})

// A payload shows what was changed; what hangs on it asks as everywhere.
test('relations inside a payload ask for their own permission', async () => {
  const { secret } = await keyOf(['agents:create'], { spaceIds: [space] })
  const { data, errors } = await world.gql(
    secret,
    `mutation { createAgent(input: { name: "made", spaceIds: ["${space}"] }) {
      errors { code } agent { name spaces { id } createdBy { name } } } }`,
  )
  expect(data.createAgent).toEqual({
    errors: [],
    agent: { name: 'made', spaces: null, createdBy: null },
  })
  expect(errors.map((error) => error.extensions.missingPermissions)).toEqual([
    ['spaces:read'],
    ['members:read'],
  ])
})
