import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isInterfaceType,
  isObjectType,
} from 'graphql'
import { defaultPageSize } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { idCountOf, pageSizeOf } from './argument-size.ts'
import { type FieldClass, fieldClass } from './field-class.ts'
import { introspectionSize } from './introspection-size.ts'
import type { Asker, ListSize } from './list-size.ts'
import { operationLimits, tooComplex } from './operation-limits.ts'
import { type Fields, fieldOf, type Selections, selectionsOf } from './selections.ts'
import { isStandardIntrospection } from './standard-introspection.ts'

/** What a request costs at least, also one of which nothing can be run. */
export const minCost = 1

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

type RootField = {
  readonly field: GraphQLField<unknown, unknown>
  readonly node: FieldNode
  /** Whether another pays for it. */
  readonly isFreed: boolean
}

/** How often a field is run: as it is charged, and as it can be. */
interface Times {
  readonly charged: number
  readonly nodes: number
}

/** Who asks, and which root fields are free for them. */
export interface Pricing {
  readonly context: Asker
  /** Whether a root field costs its caller nothing, for another pays for what it does. */
  readonly isFree: (field: GraphQLField<unknown, unknown>) => boolean
}

type Variables = Readonly<Record<string, unknown>>

/** Whether what a root field costs depends on its input. */
const hasOwnCost = (
  field: GraphQLField<unknown, unknown>,
): field is typeof field & { extensions: { cost: (input: unknown) => number } } =>
  typeof field.extensions.cost === 'function'

const aliasesIn = (fields: Fields): number =>
  [...fields].filter(([key, [node]]) => key !== node?.name.value).length

const isIntrospection = ({ name }: { readonly name: string }): boolean => name.startsWith('__')

function rootCost({ field, node, isFreed }: RootField, variables: Variables): number {
  if (isFreed || isIntrospection(field)) return 0
  if (field.extensions.listSize === 'ids') return Math.max(1, idCountOf(node, variables))
  if (!hasOwnCost(field)) return 1
  const { input } = getArgumentValues(field, node, variables)
  return Math.max(1, field.extensions.cost(input))
}

/** Adds up one operation, and stops at the first limit that it exceeds. */
class CostVisitor {
  readonly sums = { aliases: 0, rootFields: 0, cost: 0, nodes: 0, nameBytes: 0 }
  hasFreeRoot = false
  readonly #schema: GraphQLSchema
  readonly #selections: Selections
  readonly #pricing: Pricing
  readonly #variables: Variables

  constructor(
    schema: GraphQLSchema,
    selections: Selections,
    pricing: Pricing,
    variables: Variables,
  ) {
    this.#schema = schema
    this.#selections = selections
    this.#pricing = pricing
    this.#variables = variables
  }

  /** The root fields of an operation. */
  addRoots(type: GraphQLObjectType, fields: Fields): void {
    this.#add(type, fields, 1, { charged: 1, nodes: 1 })
  }

  /** Fields that are run so many times, each. */
  #add(
    parent: GraphQLObjectType,
    fields: Fields,
    depth: number,
    times: Times,
    above?: RootField,
  ): void {
    if (depth > operationLimits.depth && fields.size > 0) throw tooComplex('depth')
    let isCounted = false
    for (const [key, nodes] of fields) {
      if (depth === 1) this.#count('rootFields', 1)
      const [node] = nodes
      if (node === undefined) continue
      if (key !== node.name.value) this.#count('aliases', 1)
      // No resolver of ours counts these while they run.
      if (isIntrospection(parent)) this.#count('nameBytes', key.length * times.nodes)
      const field = fieldOf(this.#schema, parent, node.name.value)
      if (field === undefined) continue
      const kind = fieldClass(parent, field)
      const root = above ?? this.#root(field, node)
      if (depth === 1) this.#count('cost', rootCost(root, this.#variables))
      // What is free is the root field alone: whatever entity it shows is charged.
      else if (isCharged[kind] || (root.isFreed && kind === 'OWN_ENTITY'))
        this.#count('cost', times.charged)
      const type = getNamedType(field.type)
      if (!isObjectType(type) && !isInterfaceType(type)) continue
      if (key === '__schema' && isStandardIntrospection(this.#schema, this.#selections, nodes))
        continue
      const inside = this.#inside(times, kind, root, field, node)
      // The rows are what their connection counts for; selected once more they are as many again.
      const hasRows = kind === 'PAGE_PART' && field.name !== 'pageInfo'
      if (kind !== 'PAGE_PART' || (hasRows && isCounted)) this.#count('nodes', inside.nodes)
      isCounted ||= hasRows
      if (isInterfaceType(type)) this.#addLargest(type, nodes, depth + 1, inside, root)
      else this.#add(type, this.#selections.below(type, nodes), depth + 1, inside, root)
    }
  }

  /**
   * Fields of objects of an interface: each has one of its types, so the largest cost of a type counts.
   * Aliases count for all types together; those that the types share count once.
   */
  #addLargest(
    type: GraphQLInterfaceType,
    nodes: readonly FieldNode[],
    depth: number,
    times: Times,
    root: RootField,
  ): void {
    const bills = this.#schema.getPossibleTypes(type).map((possible) => {
      const bill = new CostVisitor(this.#schema, this.#selections, this.#pricing, this.#variables)
      Object.assign(bill.sums, this.sums)
      bill.#add(possible, this.#selections.below(possible, nodes), depth, times, root)
      return bill
    })
    const shared = aliasesIn(this.#selections.below(type, nodes))
    const own = bills.map(({ sums }) => sums.aliases - this.sums.aliases - shared)
    this.#count(
      'aliases',
      own.reduce((sum, more) => sum + more, shared),
    )
    this.sums.cost = Math.max(...bills.map(({ sums }) => sums.cost))
    this.sums.nodes = Math.max(...bills.map(({ sums }) => sums.nodes))
  }

  get cost(): number {
    return Math.max(this.hasFreeRoot ? 0 : minCost, this.sums.cost)
  }

  #root(field: GraphQLField<unknown, unknown>, node: FieldNode): RootField {
    const isFreed = !this.hasFreeRoot && this.#pricing.isFree(field)
    this.hasFreeRoot ||= isFreed
    return { field, node, isFreed }
  }

  #inside(
    { charged, nodes }: Times,
    kind: FieldClass,
    root: RootField,
    field: GraphQLField<unknown, unknown>,
    node: FieldNode,
  ): Times {
    if (kind === 'CONNECTION' || field.extensions.listSize === 'ids') {
      const sizeOf = kind === 'CONNECTION' ? pageSizeOf : idCountOf
      const size = sizeOf(node, this.#variables)
      return { charged: charged * size, nodes: nodes * size }
    }
    if (kind !== 'ENTITY_LIST' && kind !== 'VALUE_LIST') return { charged, nodes }
    const { deps } = this.#pricing.context
    const { chargedSize } = field.extensions as { chargedSize?: (deps: Deps) => number }
    return {
      charged: charged * Math.max(defaultPageSize, chargedSize?.(deps) ?? 0),
      nodes: nodes * this.#sizeOf(field, root),
    }
  }

  /** How many items a list without pages can hold. */
  #sizeOf({ name, extensions }: GraphQLField<unknown, unknown>, root: RootField): number {
    const listSize = extensions.listSize as ListSize | undefined
    if (typeof listSize === 'number') return listSize
    if (typeof listSize !== 'function') return introspectionSize(this.#schema, name)
    const variables = this.#variables
    return listSize({
      context: this.#pricing.context,
      get args() {
        return getArgumentValues(root.field, root.node, variables)
      },
    })
  }

  #count(limit: keyof CostVisitor['sums'], more: number): void {
    this.sums[limit] += more
    if (this.sums[limit] > operationLimits[limit]) throw tooComplex(limit)
  }
}

/** What is known of an operation before it is run. */
export interface OperationSize {
  readonly cost: number
  /** The most objects that its answer can have, besides connections, edges and page infos. */
  readonly nodes: number
  /** False: the name of the operation or a variable is wrong. */
  readonly canRun: boolean
}

const notRun: OperationSize = { cost: minCost, nodes: 0, canRun: false }

/**
 * What a valid operation asks for. It costs for each root field 1, for each of its `ids` 1, or what
 * its input comes to; inside it each field that leads to another entity, a list of entities or a
 * connection 1, times the page sizes of the lists around it; 1 at least. Of root fields that another
 * pays for the first costs nothing, so that one request is one such field. An operation that will not
 * be run, for its name or a variable is wrong, costs 1, too: the executor says why.
 * @throws RequestError QUERY_TOO_COMPLEX beyond the limits of an operation, BAD_USER_INPUT for a
 * `first` outside 1 to 100 or more than 100 `ids`
 */
export function operationSize(
  {
    schema,
    document,
    operationName,
    variableValues,
  }: Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'>,
  pricing: Pricing,
): OperationSize {
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!operation || !root) return notRun
  const { coerced } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    variableValues ?? {},
    { maxErrors: 1 },
  )
  if (coerced === undefined) return notRun
  const selections = selectionsOf(schema, document, coerced)
  const bill = new CostVisitor(schema, selections, pricing, coerced)
  bill.addRoots(root, selections.root(root, operation.selectionSet))
  return { cost: bill.cost, nodes: bill.sums.nodes, canRun: true }
}
