import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLField,
  GraphQLInt,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isObjectType,
  valueFromAST,
} from 'graphql'
import { defaultPageSize, pageSize } from '../db/page.ts'
import { RequestError } from '../errors.ts'
import { type FieldClass, fieldClass } from './field-class.ts'
import { hasOwnCost, type IsFree, keepCost, knownCost } from './known-costs.ts'
import { type Fields, fieldOf, type Selections, selectionsOf } from './selections.ts'
import { isStandardIntrospection } from './standard-introspection.ts'

/** What a request costs at least, also one of which nothing can be run. */
export const leastCost = 1

/** What an operation may be at most. */
export const operationLimits = {
  depth: 12,
  aliases: 30,
  rootFields: 30,
  cost: 1_000,
  nodes: 10_000,
} as const

const meaning: Readonly<Record<keyof typeof operationLimits, string>> = {
  depth: `is at most ${operationLimits.depth} fields deep`,
  aliases: `has at most ${operationLimits.aliases} aliases`,
  rootFields: `has at most ${operationLimits.rootFields} root fields`,
  cost: `costs at most ${operationLimits.cost}`,
  nodes: `asks for at most ${operationLimits.nodes} nodes`,
}

const isCharged: Readonly<Record<FieldClass, boolean>> = {
  LEAF: false,
  CONNECTION: true,
  PAGE_PART: false,
  OWN_ENTITY: false,
  ENTITY: true,
  ENTITY_LIST: true,
  VALUE: false,
  VALUE_LIST: false,
}

type Variables = Record<string, unknown>

/** What of a field decides on its cost, beside the schema. */
export interface Pricing {
  readonly isFree: IsFree
  /** How many a list without pages may have, where that is set; undefined: it is not. */
  listSize(field: GraphQLField<unknown, unknown>): number | undefined
}

/** @throws RequestError BAD_USER_INPUT for a `first` outside 1 to 100 */
function pageSizeOf({ arguments: args }: FieldNode, variables: Variables): number {
  const first = args?.find(({ name }) => name.value === 'first')
  return pageSize(valueFromAST(first?.value, GraphQLInt, variables) as number | null | undefined)
}

const isIntrospection = ({ name }: GraphQLField<unknown, unknown>): boolean => name.startsWith('__')

function rootCost(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Variables,
): number {
  if (isIntrospection(field)) return 0
  if (!hasOwnCost(field)) return 1
  const { input } = getArgumentValues(field, node, variables)
  return Math.max(1, field.extensions.cost(input))
}

/** Adds up one operation, and stops at the first limit that it exceeds. */
class Bill {
  readonly sums = { aliases: 0, rootFields: 0, cost: 0, nodes: 0 }
  readonly roots: GraphQLField<unknown, unknown>[] = []
  hasFreeRoot = false
  readonly #schema: GraphQLSchema
  readonly #selections: Selections
  readonly #variables: Variables
  readonly #pricing: Pricing

  constructor(
    schema: GraphQLSchema,
    selections: Selections,
    variables: Variables,
    pricing: Pricing,
  ) {
    this.#schema = schema
    this.#selections = selections
    this.#variables = variables
    this.#pricing = pricing
  }

  /** Fields that are run up to `times` times, each. */
  add(parent: GraphQLObjectType, fields: Fields, depth: number, times: number): void {
    if (depth > operationLimits.depth && fields.size > 0) throw tooComplex('depth')
    for (const [key, nodes] of fields) {
      if (depth === 1) this.#count('rootFields', 1)
      const [node] = nodes
      if (node === undefined) continue
      if (key !== node.name.value) this.#count('aliases', 1)
      const field = fieldOf(this.#schema, parent, node.name.value)
      if (field === undefined) continue
      if (depth === 1) this.roots.push(field)
      const kind = fieldClass(parent, field)
      if (depth === 1 && !this.hasFreeRoot && this.#pricing.isFree(field)) this.hasFreeRoot = true
      else if (depth === 1) this.#count('cost', rootCost(field, node, this.#variables))
      else if (isCharged[kind]) this.#count('cost', times)
      const type = getNamedType(field.type)
      if (!isObjectType(type)) continue
      if (key === '__schema' && isStandardIntrospection(this.#schema, this.#selections, nodes))
        continue
      const size = this.#sizeOf(kind, field, node)
      if (kind !== 'PAGE_PART') this.#count('nodes', times * size)
      this.add(type, this.#selections.below(type, nodes), depth + 1, times * size)
    }
  }

  get cost(): number {
    return Math.max(this.hasFreeRoot ? 0 : leastCost, this.sums.cost)
  }

  #sizeOf(kind: FieldClass, field: GraphQLField<unknown, unknown>, node: FieldNode): number {
    if (kind === 'CONNECTION') return pageSizeOf(node, this.#variables)
    if (kind !== 'ENTITY_LIST' && kind !== 'VALUE_LIST') return 1
    return Math.max(defaultPageSize, this.#pricing.listSize(field) ?? 0)
  }

  #count(limit: keyof Bill['sums'], more: number): void {
    this.sums[limit] += more
    if (this.sums[limit] > operationLimits[limit]) throw tooComplex(limit)
  }
}

const tooComplex = (limit: keyof typeof operationLimits): RequestError =>
  new RequestError('QUERY_TOO_COMPLEX', `An operation ${meaning[limit]}.`)

/**
 * What a valid operation costs: each root field 1, or what its input comes to; inside it each field that leads to another
 * entity, a list of entities or a connection 1, times the page sizes of the lists around it; 1 at
 * least. Of root fields that another pays for the first costs nothing, so that one request is one
 * such field. An operation that will not be run, for its name or a variable is wrong, costs 1, too:
 * the executor says why.
 * @throws RequestError QUERY_TOO_COMPLEX beyond the limits of an operation, BAD_USER_INPUT for a
 * `first` outside 1 to 100
 */
export function operationCost(
  {
    schema,
    document,
    operationName,
    variableValues,
  }: Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'>,
  pricing: Pricing,
): number {
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!operation || !root) return leastCost
  const { coerced } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    variableValues ?? {},
    { maxErrors: 1 },
  )
  if (coerced === undefined) return leastCost
  const known = knownCost(operation, pricing.isFree)
  if (known !== undefined) return known
  const selections = selectionsOf(schema, document, coerced)
  const bill = new Bill(schema, selections, coerced, pricing)
  bill.add(root, selections.root(root, operation.selectionSet), 1, 1)
  keepCost(document, operation, bill)
  return bill.cost
}
