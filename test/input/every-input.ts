import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql'
import { schema } from '../../src/schema/schema.ts'
import { seed } from '../setup/seed.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** Rows that inputs lead to. */
export interface Rows {
  readonly spaceId: string
  readonly scopeId: string
  readonly agentId: string
  readonly keyId: string
  readonly keyToRevokeId: string
  readonly memberId: string
}

export async function seedRows(world: World, workspace: TestWorkspace): Promise<Rows> {
  const make = seed(world, workspace.secret)
  const spaceId = await make.space({ name: 'Home' })
  return {
    spaceId,
    scopeId: await make.scope({ name: 'Base', permissions: ['agents:read'] }),
    agentId: await make.agent({ name: 'Agent', spaceIds: [spaceId] }),
    keyId: (await make.key({ name: 'Key' })).id,
    keyToRevokeId: (await make.key({ name: 'Key to revoke' })).id,
    memberId: (await make.machine({ name: 'Machine', role: 'MEMBER' })).id,
  }
}

/** An id that is there, for each field that must lead to something before another one is looked at. */
const idOf = (rows: Rows, typeName: string, field: string): string | undefined => {
  if (field === 'memberId' || /Member(Input)?$/.test(typeName)) return rows.memberId
  if (field === 'spaceId' || /SpaceInput$/.test(typeName)) return rows.spaceId
  if (/ScopeInput$/.test(typeName)) return rows.scopeId
  if (/AgentInput$/.test(typeName)) return rows.agentId
  if (typeName === 'RevokeApiKeyInput') return rows.keyToRevokeId
  return /ApiKeyInput$/.test(typeName) ? rows.keyId : undefined
}

/** A value that a field accepts, so that only the one being tried is hostile. */
function acceptable(rows: Rows, type: GraphQLInputType, typeName: string, field: string): unknown {
  const inner = getNullableType(type)
  if (isListType(inner)) return field === 'spaceIds' ? [rows.spaceId] : []
  if (isEnumType(inner)) return inner.getValues().at(-1)?.name
  if (isInputObjectType(inner)) return {}
  if (field === 'id' || field.endsWith('Id')) return idOf(rows, typeName, field)
  return field === 'email' ? 'new@example.com' : 'Never made'
}

/** Values that are all put into one list around a place, so many lists inside the outermost. */
export class Items {
  readonly values: readonly unknown[]
  readonly level: number
  constructor(values: readonly unknown[], level: number) {
    this.values = values
    this.level = level
  }
}

/** A list around the leaf with one item, or with all that are to be in this one. */
function listOf(leaf: Leaf, value: unknown): unknown[] {
  if (!(value instanceof Items)) return [leaf.fill(value)]
  if (value.level === 0) return value.values.map(leaf.fill)
  return [leaf.fill(new Items(value.values, value.level - 1))]
}

/** A leaf inside an argument. */
interface Leaf {
  readonly at: string
  readonly type: GraphQLInputType
  /** The argument with that value there, everything else being in order. */
  fill(value: unknown): unknown
}

function* leavesOf(rows: Rows, type: GraphQLInputType, at: string): Generator<Leaf> {
  const inner = getNullableType(type)
  if (isListType(inner)) {
    for (const leaf of leavesOf(rows, inner.ofType, `${at}[]`))
      yield { ...leaf, fill: (value) => listOf(leaf, value) }
  } else if (isInputObjectType(inner)) {
    const fields = Object.values(inner.getFields())
    const required = fields
      .filter(isRequiredInputField)
      .map(({ name, type }) => [name, acceptable(rows, type, inner.name, name)])
    // A filter that is tried would find the calling key as well.
    const dryRun = inner.name === 'RevokeApiKeysInput' && { dryRun: true }
    const base = { ...Object.fromEntries(required), ...dryRun }
    for (const { name, type } of fields)
      for (const leaf of leavesOf(rows, type, `${at}.${name}`))
        yield { ...leaf, fill: (value) => ({ ...base, [name]: leaf.fill(value) }) }
  } else yield { at, type: inner, fill: (value) => value }
}

/** A place in an operation that takes a value. */
export interface Place extends Leaf {
  readonly root: 'query' | 'mutation'
  readonly field: string
  /** An operation that has these values there, each in a field of its own. */
  operation(values: readonly unknown[]): {
    readonly query: string
    readonly variables: Readonly<Record<string, unknown>>
  }
}

type Field = GraphQLField<unknown, unknown>
type Wrap = (selection: string) => string

function* placesOf(rows: Rows, root: Place['root'], field: Field, around: Wrap): Generator<Place> {
  const selects = isObjectType(getNamedType(field.type)) ? '{ __typename }' : ''
  const selected = root === 'mutation' ? '{ errors { code message path } }' : selects
  for (const argument of field.args)
    for (const leaf of leavesOf(rows, argument.type, `${field.name}.${argument.name}`)) {
      const operation: Place['operation'] = (values) => {
        const names = values.map((_, index) => `v${index}`)
        const declared = names.map((name) => `$${name}: ${argument.type}`).join(', ')
        const fields = names.map(
          (name) => `${name}: ${field.name}(${argument.name}: $${name}) ${selected}`,
        )
        const filled = values.map((value, index) => [names[index], leaf.fill(value)])
        return {
          query: `${root} (${declared}) { ${around(fields.join(' '))} }`,
          variables: Object.fromEntries(filled),
        }
      }
      yield { ...leaf, root, field: field.name, operation }
    }
}

const fieldsOf = (type: GraphQLObjectType | null | undefined): Field[] =>
  Object.values(type?.getFields() ?? {})

/** Every place of the root fields, and of each field of an object that takes arguments, once. */
export function* everyPlace(rows: Rows): Generator<Place> {
  for (const field of fieldsOf(schema.getMutationType()))
    yield* placesOf(rows, 'mutation', field, (selection) => selection)
  const [query] = [schema.getQueryType()]
  if (!query) return
  const seen = new Set([query])
  const waiting: { type: GraphQLObjectType; around: Wrap }[] = [
    { type: query, around: (selection) => selection },
  ]
  for (const { type, around } of waiting)
    for (const field of fieldsOf(type)) {
      yield* placesOf(rows, 'query', field, around)
      const below = getNamedType(field.type)
      if (!isObjectType(below) || seen.has(below) || field.args.some(isRequiredArgument)) continue
      seen.add(below)
      const page = field.args.some(({ name }: GraphQLArgument) => name === 'first')
      const head = page ? `${field.name}(first: 1)` : field.name
      waiting.push({ type: below, around: (selection) => around(`${head} { ${selection} }`) })
    }
}
