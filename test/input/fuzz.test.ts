import {
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../src/schema.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { expectSafe, storesNothing } from './nothing-stored.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  spaceId = await make.space({ name: 'Home' })
  scopeId = await make.scope({ name: 'Base', permissions: ['agents:read'] })
  agentId = await make.agent({ name: 'Agent', spaceIds: [spaceId] })
  keyId = (await make.key({ name: 'Key' })).id
  keyToRevokeId = (await make.key({ name: 'Key to revoke' })).id
  memberId = (await make.machine({ name: 'Machine', role: 'MEMBER' })).id
})
afterAll(() => world.close())

let spaceId: string
let scopeId: string
let agentId: string
let keyId: string
let keyToRevokeId: string
let memberId: string

/** Text that has broken parsers, databases, terminals or templates somewhere. */
const hostile: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b\ufeff',
  '\uffff',
  'e\u0301'.repeat(40),
  '😀'.repeat(60),
  '\r\n\t\u001b[31m',
  "' OR 1=1 --",
  '"; DROP TABLE "Workspace"; --',
  '$1 :x %s {{x}} <script>',
  '%_\\',
  '../../../etc/passwd',
  '{"$ne":null}',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'NaN',
  '-1',
  '1e309',
  '0x7fffffff',
  '99999999999999999999',
  '\\u0000',
  '9999-12-31T23:59:60Z',
  '::ffff:0:0/96',
  'x'.repeat(100_000),
]

/** An id that is there, for each field that must lead to something before another one is looked at. */
const idOf = (typeName: string, field: string): string | undefined => {
  if (field === 'memberId' || /Member(Input)?$/.test(typeName)) return memberId
  if (field === 'spaceId' || /SpaceInput$/.test(typeName)) return spaceId
  if (/ScopeInput$/.test(typeName)) return scopeId
  if (/AgentInput$/.test(typeName)) return agentId
  if (typeName === 'RevokeApiKeyInput') return keyToRevokeId
  return /ApiKeyInput$/.test(typeName) ? keyId : undefined
}

/** A value that a field accepts, so that only the one being tried is hostile. */
function acceptable(type: GraphQLInputType, typeName: string, field: string): unknown {
  const inner = getNullableType(type)
  if (isListType(inner)) return field === 'spaceIds' ? [spaceId] : []
  if (isEnumType(inner)) return inner.getValues().at(-1)?.name
  if (field === 'id' || field.endsWith('Id')) return idOf(typeName, field)
  return field === 'email' ? 'new@example.com' : 'Never made'
}

/** Each way of putting the value into an argument, everything else being in order. */
function* placed(type: GraphQLInputType, value: string): Generator<unknown> {
  const inner = getNullableType(type)
  if (isListType(inner)) {
    for (const item of placed(inner.ofType, value)) yield [item]
  } else if (isInputObjectType(inner)) {
    const fields = Object.values(inner.getFields())
    const required = fields.filter((field) => field.type.toString().endsWith('!'))
    const base = Object.fromEntries(
      required.map((field) => [field.name, acceptable(field.type, inner.name, field.name)]),
    )
    for (const field of fields)
      for (const inside of placed(field.type, value)) yield { ...base, [field.name]: inside }
  } else if (!isEnumType(inner) || value.length < 10) yield value
}

/** Every operation with one root field and the value somewhere in its arguments. */
function* operations(root: 'query' | 'mutation', value: string) {
  const type = root === 'query' ? schema.getQueryType() : schema.getMutationType()
  for (const field of Object.values(type?.getFields() ?? {})) {
    const selects = isObjectType(getNamedType(field.type)) ? '{ __typename }' : ''
    const errors = root === 'mutation' ? '{ errors { code message path } }' : selects
    for (const arg of field.args)
      for (const placement of placed(arg.type, value))
        yield {
          field: field.name,
          query: `${root} ($value: ${arg.type}) { ${field.name}(${arg.name}: $value) ${errors} }`,
          variables: { value: placement },
        }
  }
}

/** What only an error of the program or the driver would say. */
const leaks =
  /\bat \S+ \(|node_modules|file:\/\/|\/src\/|prisma|pglite|invalid byte sequence|relation "/i

async function send(one: { field: string; query: string; variables: object }): Promise<boolean> {
  const answer = await world.gql(workspace.secret, one.query, { ...one.variables })
  const what = `${one.field} ${JSON.stringify(one.variables).slice(0, 120)}`
  expectSafe(answer)
  expect(
    answer.errors.map(({ extensions }) => extensions.code),
    what,
  ).not.toContain('SERVICE_UNAVAILABLE')
  const errors: readonly { message: string }[] = answer.data?.[one.field]?.errors ?? []
  for (const { message } of errors) expect(message, what).not.toMatch(leaks)
  return answer.errors.length > 0 || errors.length > 0
}

test('hostile text in any argument of a query is data, or a mistake of its own', async () => {
  let sent = 0
  await storesNothing(world, async () => {
    for (const value of hostile)
      for (const operation of operations('query', value)) {
        await send(operation)
        sent++
      }
  })
  expect(sent).toBeGreaterThan(1_000)
})

test('hostile text in any field of a mutation is stored as it is or refused, never a fault', async () => {
  let refused = 0
  let accepted = 0
  for (const [turn, value] of hostile.entries())
    for (const [place, operation] of [...operations('mutation', value)].entries()) {
      // Every place sees a third of the values, and every value a third of the places.
      if ((turn + place) % 3 !== 0) continue
      if (await send(operation)) refused++
      else accepted++
    }
  expect(refused).toBeGreaterThan(300)
  expect(accepted).toBeGreaterThan(50)
  // Whatever was accepted can be read again, all of it.
  for (const list of ['spaces', 'scopes', 'agents', 'apiKeys', 'members']) {
    const name = list === 'members' ? 'user { name }' : 'name description'
    const query = `{ it: ${list}(first: 100) { nodes { id ${name} } } }`
    const { data, errors } = await world.gql(workspace.secret, query)
    expect(errors, list).toEqual([])
    expect(data.it.nodes.length, list).toBeGreaterThan(0)
  }
})

test('nothing unexpected was logged meanwhile', () => {
  const failures = world.logs.filter((line) => JSON.parse(line).level >= 50)
  expect(failures).toEqual([])
})
