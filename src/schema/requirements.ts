import {
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  type OperationDefinitionNode,
} from 'graphql'
import type { HumanCaller } from '../auth/caller.ts'
import {
  missingRequirements,
  type PermissionName,
  type PermissionSet,
} from '../auth/permissions.ts'
import { inOrder, noRights } from '../auth/policy.ts'
import { RequestError } from '../errors.ts'
import { newId } from '../ids.ts'
import { operationLimits, tooComplex } from '../limits/operation-limits.ts'
import { type Fields, type Selections, selectionsOf } from '../limits/selections.ts'
import { isForPeople, requirementOf } from './guard.ts'
import { askedForArguments } from './guarded-input.ts'
import { allNodeTypes, typesOfIds } from './node.ts'
import { argumentsOf, type KnownVariables, withAllConditional } from './unknown-arguments.ts'

/** What one field of an operation asks for. */
export interface FieldRequirement {
  /** The names in the answer that lead to it. */
  readonly path: string
  readonly permissions: readonly PermissionName[]
}

/** What an operation asks for. */
export interface OperationRequirements {
  readonly permissions: readonly PermissionName[]
  readonly fields: readonly FieldRequirement[]
  readonly onlyHumans: boolean
}

/** The fields that ask for something are at most so many. */
export const maxRequirements = operationLimits.cost

/** At most so many fields are visited, those of a fragment each time it is spread. */
const maxVisited = 10_000

/** Somebody whose ids no operation names, so that no guard exempts them for what is their own. */
const nobody: HumanCaller = {
  kind: 'HUMAN',
  workspaceId: newId('wsp'),
  epoch: 0n,
  user: {
    id: newId('usr'),
    memberId: newId('mem'),
    kind: 'HUMAN',
    name: '',
    email: null,
    role: 'MEMBER',
  },
  key: null,
  signIn: { userId: newId('usr'), name: '', email: null, expiresAt: new Date(0) },
  allSpaces: false,
  bounds: { expiresAt: null, requestsPerMinute: null, allowedIps: [], endsWith: [] },
  plan: { plan: 'FREE', enterpriseRequestsPerMinute: null, enterpriseKeyLimit: null },
  validUntil: null,
  rights: noRights,
  liveSpaces: 0,
}

type Field = GraphQLField<unknown, unknown>
type Arguments = ReturnType<typeof argumentsOf>

/** Gathers what the fields of one operation ask for. */
class RequirementVisitor {
  readonly byPath = new Map<string, Set<PermissionName>>()
  onlyHumans = false
  #visited = 0
  readonly #schema: GraphQLSchema
  readonly #selections: Selections
  readonly #variables: KnownVariables

  constructor(schema: GraphQLSchema, selections: Selections, variables: KnownVariables) {
    this.#schema = schema
    this.#selections = selections
    this.#variables = variables
  }

  add(parent: GraphQLObjectType, fields: Fields, above: readonly string[]): void {
    if (above.length >= operationLimits.depth && fields.size > 0) throw tooComplex('depth')
    if (above.length === 0 && fields.size > operationLimits.rootFields)
      throw tooComplex('rootFields')
    for (const [key, nodes] of fields) {
      this.#count(nodes.length)
      const [node] = nodes
      if (node === undefined) continue
      const field = parent.getFields()[node.name.value]
      // Introspection asks for nothing.
      if (field === undefined) continue
      const path = [...above, key]
      const args = argumentsOf(field, node, this.#variables)
      this.#addField(field, path, args)
      const type = getNamedType(field.type)
      if (isObjectType(type)) this.add(type, this.#selections.below(type, nodes), path)
      if (isInterfaceType(type)) this.#addFound(type, nodes, path, args)
    }
  }

  #addField(field: Field, path: readonly string[], { values, areKnown }: Arguments): void {
    if (isForPeople(field)) {
      this.onlyHumans = true
      this.#need(path, [])
    }
    const { permissions = [], unless } = requirementOf(field) ?? {}
    const isRoot = path.length === 1
    const isExempt = isRoot && areKnown && unless?.when(values as never, nobody, undefined as never)
    const asked = askedForArguments(field.args, values, nobody)
    const needed = isExempt ? asked : [...permissions, ...asked]
    if (needed.length > 0) this.#need(path, needed)
  }

  /** Objects by their ids: each is of one type, and needs what the query field of that type needs. */
  #addFound(
    type: GraphQLInterfaceType,
    nodes: readonly FieldNode[],
    path: readonly string[],
    { values, areKnown }: Arguments,
  ): void {
    const ids = [values.id ?? values.ids].flat() as string[]
    for (const { name, item } of areKnown ? typesOfIds(ids) : allNodeTypes()) {
      const field = this.#schema.getQueryType()?.getFields()[item]
      const found = this.#schema.getPossibleTypes(type).find((possible) => possible.name === name)
      if (field === undefined || found === undefined) continue
      this.#need(path, requirementOf(field)?.permissions ?? [])
      this.add(found, this.#selections.below(found, nodes), path)
    }
  }

  #need(path: readonly string[], permissions: readonly PermissionName[]): void {
    const key = path.join('.')
    this.byPath.set(key, new Set([...(this.byPath.get(key) ?? []), ...permissions]))
    if (this.byPath.size > maxRequirements) throw tooComplex('cost')
  }

  #count(fields: number): void {
    this.#visited += fields
    if (this.#visited > maxVisited)
      throw new RequestError(
        'QUERY_TOO_COMPLEX',
        `An operation has at most ${maxVisited} fields, those of fragments each time they are spread.`,
      )
  }
}

/** The permissions with all that a key must hold beside them. */
function closureOf(permissions: PermissionSet): PermissionSet {
  const missing = missingRequirements(permissions)
  return missing.length === 0 ? permissions : closureOf(new Set([...permissions, ...missing]))
}

/**
 * What a valid operation asks for, by what its fields declare: the least that a key must hold, so that
 * no field is refused for lack of a permission.
 *
 * @param operation of the document
 * @param variables undefined: not known, so that everything counts that some variables could ask for
 * @throws RequestError QUERY_TOO_COMPLEX beyond the limits of an operation
 */
export function requirementsOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: KnownVariables,
): OperationRequirements {
  const root = schema.getRootType(operation.operation)
  if (!root) throw new Error(`there are no operations of the kind ${operation.operation}`)
  const isAll = variables === undefined
  const selections = selectionsOf(
    schema,
    isAll ? withAllConditional(document) : document,
    variables ?? {},
  )
  const { selectionSet } = isAll ? withAllConditional(operation) : operation
  const visitor = new RequirementVisitor(schema, selections, variables)
  visitor.add(root, selections.root(root, selectionSet), [])
  const needed = [...visitor.byPath.values()].flatMap((permissions) => [...permissions])
  return {
    permissions: inOrder(closureOf(new Set(needed))),
    fields: [...visitor.byPath].map(([path, names]) => ({ path, permissions: inOrder(names) })),
    onlyHumans: visitor.onlyHumans,
  }
}
