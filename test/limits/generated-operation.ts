import fc, { type GeneratorValue } from 'fast-check'
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { encodeCursor } from '../../src/db/page.ts'
import { newId } from '../../src/ids.ts'
import { schema } from '../../src/schema/schema.ts'

/** Ids to ask for, by the name of the root field that takes them. */
export type KnownIds = Readonly<Record<string, readonly string[]>>

export interface Operation {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

type Field = GraphQLField<unknown, unknown>

const maxDepth = 10
const pageSizes = [1, 5, 30, 100]
const day = 86_400_000

/** What the payload's entity is asked for by; the new name is never anybody else's. */
const updates = {
  updateSpace: 'space',
  updateAgent: 'agent',
  updateScope: 'scope',
  updateApiKey: 'apiKey',
}

function typeOf(root: 'Query' | 'Mutation', field: string): GraphQLObjectType {
  const type = root === 'Query' ? schema.getQueryType() : schema.getMutationType()
  const inside = field === '' ? type : getNamedType(type?.getFields()[field]?.type)
  if (!isObjectType(inside)) throw new Error(`${root}.${field} is no object`)
  return inside
}

/** Writes one operation: of a few dozen fields, each object of its answer with its type. */
class Writer {
  readonly variables: Record<string, unknown> = {}
  readonly declared: string[] = []
  readonly fragments: string[] = []
  readonly #next: GeneratorValue
  readonly #ids: KnownIds
  #aliases = 0
  #left: number

  constructor(next: GeneratorValue, ids: KnownIds) {
    this.#next = next
    this.#ids = ids
    this.#left = next(fc.integer, { min: 3, max: 60 })
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.#next(fc.integer, { min: 1, max: times }) === times
  }

  oneOf<T>(values: readonly T[]): T | undefined {
    return values[this.#next(fc.integer, { min: 0, max: Math.max(0, values.length - 1) })]
  }

  /** A value as a literal, or as a variable of that type. */
  value(value: unknown, type: GraphQLInputType): string {
    if (this.once(2) || isInputObjectType(getNamedType(type))) return this.variable(value, type)
    return typeof value === 'string' && isEnumType(getNamedType(type))
      ? value
      : JSON.stringify(value)
  }

  variable(value: unknown, type: GraphQLInputType): string {
    const name = `v${this.declared.length}`
    this.variables[name] = value
    this.declared.push(`$${name}: ${type}`)
    return `$${name}`
  }

  anyId(name: string): string {
    return this.oneOf(this.#ids[name] ?? []) ?? newId('spc')
  }

  /** What a field is asked for: an id of its type, or ids of any; a question about a key or a text. */
  #required({ name }: Field): unknown {
    const ofAny = (): string => this.anyId(this.oneOf(Object.keys(this.#ids)) ?? '')
    if (name === 'node') return ofAny()
    if (name === 'requiredPermissions') return '{ agents { nodes { spaces { id } } } }'
    if (name === 'explainAccess')
      return { apiKeyId: this.anyId('apiKey'), permissions: ['agents:read'] }
    if (name !== 'nodes') return this.anyId(name)
    return Array.from({ length: this.#next(fc.integer, { min: 0, max: 20 }) }, ofAny)
  }

  #cursor(): string {
    const createdAt = new Date(Date.now() + (this.once(2) ? -day : day))
    return encodeCursor({ createdAt, id: newId('agt') })
  }

  /** A filter with one or two conditions. */
  #filter(type: GraphQLInputType): unknown {
    const named = getNamedType(type)
    if (!isInputObjectType(named)) return undefined
    const fields = Object.values(named.getFields())
    const chosen = [this.oneOf(fields), this.oneOf(fields)].filter((field) => field !== undefined)
    return Object.fromEntries(chosen.map((field) => [field.name, this.#condition(field)]))
  }

  #condition({ name, type }: { name: string; type: GraphQLInputType }): unknown {
    const named = getNamedType(type)
    if (isEnumType(named)) return this.oneOf(named.getValues())?.name
    if (named.name === 'Boolean') return this.once(2)
    if (named.name === 'DateTime') return new Date(Date.now() + day).toISOString()
    if (name.endsWith('Id')) return this.anyId(name.slice(0, -2))
    return name === 'permission' ? 'agents:read' : 'a'
  }

  #argument(field: Field, argument: GraphQLArgument): string | undefined {
    const { name, type } = argument
    const written = (value: unknown) => `${name}: ${this.value(value, type)}`
    if (isRequiredArgument(argument)) return written(this.#required(field))
    if (name === 'first' && !this.once(4)) return written(this.oneOf(pageSizes))
    if (name === 'after' && this.once(6)) return written(this.#cursor())
    if (name === 'filter' && this.once(4)) return written(this.#filter(type))
    return undefined
  }

  #arguments(field: Field): string {
    const written = field.args.flatMap((argument) => this.#argument(field, argument) ?? [])
    return written.length === 0 ? '' : `(${written.join(', ')})`
  }

  /** The fields as they are, in a fragment without a name, or in one with a name. */
  #fragment(type: GraphQLObjectType, fields: string): string {
    if (!this.once(5)) return fields
    if (this.once(2)) return `... on ${type.name} { ${fields} }`
    const name = `F${this.fragments.length}`
    this.fragments.push(`fragment ${name} on ${type.name} { ${fields} }`)
    return `...${name}`
  }

  /** @param isBesideOthers of other types, whose fields of the same names may be of other types */
  selection(type: GraphQLObjectType, depth: number, isBesideOthers = false): string {
    const all = Object.values(type.getFields()).filter(
      (field) => depth < maxDepth || isLeafType(getNamedType(field.type)),
    )
    // Objects more often than there are fields that lead to some.
    const objects = all.filter((field) => isObjectType(getNamedType(field.type)))
    const names = new Set(['__typename'])
    const texts = ['__typename']
    for (let count = this.#next(fc.integer, { min: 1, max: 4 }); count > 0; count -= 1) {
      const field = this.oneOf(objects.length > 0 && this.once(2) ? objects : all)
      if (field === undefined || this.#left <= 0) continue
      this.#left -= 1
      const inside = getNamedType(field.type)
      // Two fragments may name a field with other arguments: every repeated one has an alias.
      const isRepeated = isBesideOthers || names.has(field.name)
      if (isRepeated) this.#aliases += 1
      names.add(field.name)
      const alias = isRepeated ? `n${this.#aliases}: ` : ''
      const selection = isObjectType(inside)
        ? ` { ${this.selection(inside, depth + 1)} }`
        : isInterfaceType(inside)
          ? ` { ${this.#selectionOfTypes(inside, depth + 1)} }`
          : ''
      texts.push(`${alias}${field.name}${this.#arguments(field)}${selection}`)
    }
    return this.#fragment(type, texts.join(' '))
  }

  /** Of an interface: what is asked of objects of some of its types. */
  #selectionOfTypes(type: GraphQLInterfaceType, depth: number): string {
    const possible = [...schema.getPossibleTypes(type)]
    const some = new Set([0, 1, 2].map(() => this.oneOf(possible)).filter((it) => it !== undefined))
    const fragments = [...some].map(
      (it, index) => `... on ${it.name} { ${this.selection(it, depth, index > 0)} }`,
    )
    return ['__typename', ...fragments].join(' ')
  }

  operation(kind: 'query' | 'mutation', selection: string): Operation {
    const declared = this.declared.length === 0 ? '' : `(${this.declared.join(', ')})`
    const query = [`${kind} ${declared} { ${selection} }`, ...this.fragments].join('\n')
    return { query, variables: this.variables }
  }
}

/** A valid query. */
export function generatedQuery(next: GeneratorValue, ids: KnownIds): Operation {
  const writer = new Writer(next, ids)
  return writer.operation('query', writer.selection(typeOf('Query', ''), 1))
}

/** A valid mutation that changes a name, and asks for as much as a query does. */
export function generatedMutation(next: GeneratorValue, ids: KnownIds): Operation {
  const writer = new Writer(next, ids)
  const [field = '', entity = ''] = writer.oneOf(Object.entries(updates)) ?? []
  const input = { id: writer.anyId(entity), name: newId('spc') }
  const [argument] = schema.getMutationType()?.getFields()[field]?.args ?? []
  if (argument === undefined) throw new Error(`${field} has no input`)
  const at = writer.variable(input, argument.type)
  const selection = writer.selection(typeOf('Mutation', field), 2)
  return writer.operation('mutation', `${field}(input: ${at}) { ${selection} }`)
}
