import {
  type ASTNode,
  BREAK,
  type DocumentNode,
  type GraphQLField,
  type OperationDefinitionNode,
  visit,
} from 'graphql'
import type { NodeCount } from './node-count.ts'

/** Whether a root field costs its caller nothing, for another pays for what it does. */
export type IsFree = (field: GraphQLField<unknown, unknown>) => boolean

/** An operation's cost, whether one of its root fields was free, and what its nodes depend on. */
export interface WorkedOut {
  readonly roots: readonly GraphQLField<unknown, unknown>[]
  readonly hasFreeRoot: boolean
  readonly cost: number
  readonly nodeCounts: readonly NodeCount[]
}

interface Known extends Pick<WorkedOut, 'roots' | 'nodeCounts'> {
  readonly costs: Map<boolean, number>
}

/** By operations of documents that are kept: with them it is forgotten. */
const costCache = new WeakMap<OperationDefinitionNode, Known>()

function contains(node: ASTNode, isSought: (node: ASTNode) => boolean): boolean {
  let isFound = false
  visit(node, {
    enter(inner) {
      if (!isSought(inner)) return undefined
      isFound = true
      return BREAK
    },
  })
  return isFound
}

const hasVariable = (node: ASTNode): boolean => contains(node, ({ kind }) => kind === 'Variable')

/** Whether what a root field costs depends on its input. */
export const hasOwnCost = (
  field: GraphQLField<unknown, unknown>,
): field is typeof field & { extensions: { cost: (input: unknown) => number } } =>
  typeof field.extensions.cost === 'function'

/** The arguments that say how many items a list has. */
const sizes: readonly string[] = ['first', 'ids']

/** Whether a variable decides what of a document is run, or how large a list is. */
const dependsOnVariables = (document: DocumentNode): boolean =>
  contains(
    document,
    (node) =>
      (node.kind === 'Directive' ||
        (node.kind === 'Argument' && sizes.includes(node.name.value))) &&
      hasVariable(node),
  )

/**
 * The cost of an operation that was worked out before for somebody to whom a root field was free as
 * well, or not, with its nodes for anybody; undefined: not yet, or it depends on its variables.
 */
export function cachedCost(
  operation: OperationDefinitionNode,
  isFree: IsFree,
): Pick<WorkedOut, 'cost' | 'nodeCounts'> | undefined {
  const known = costCache.get(operation)
  const cost = known?.costs.get(known.roots.some(isFree))
  return known && cost !== undefined ? { cost, nodeCounts: known.nodeCounts } : undefined
}

/** Keeps a cost that was worked out, unless variables can change it. */
export function cacheCost(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  { roots, hasFreeRoot, cost, nodeCounts }: WorkedOut,
): void {
  const known = costCache.get(operation)
  if (known !== undefined) known.costs.set(hasFreeRoot, cost)
  else if (!roots.some(hasOwnCost) && !dependsOnVariables(document))
    costCache.set(operation, { roots, nodeCounts, costs: new Map([[hasFreeRoot, cost]]) })
}
