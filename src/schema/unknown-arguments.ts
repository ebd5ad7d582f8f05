import {
  type ArgumentNode,
  type ASTNode,
  type DirectiveNode,
  type FieldNode,
  type GraphQLField,
  getArgumentValues,
  Kind,
  type ValueNode,
  visit,
} from 'graphql'
import { anyValue } from './guarded-input.ts'

/** The values of an operation's variables; undefined: they are not known. */
export type KnownVariables = Readonly<Record<string, unknown>> | undefined

const hasVariable = (value: ValueNode): boolean =>
  value.kind === Kind.VARIABLE ||
  (value.kind === Kind.LIST && value.values.some(hasVariable)) ||
  (value.kind === Kind.OBJECT && value.fields.some((field) => hasVariable(field.value)))

const dependsOnVariables = ({ arguments: args = [] }: FieldNode | DirectiveNode): boolean =>
  args.some(({ value }) => hasVariable(value))

/** A literal as a value, with `anyValue` for its variables. */
function literalOf(node: ValueNode): unknown {
  if (node.kind === Kind.VARIABLE) return anyValue
  if (node.kind === Kind.NULL) return null
  if (node.kind === Kind.LIST) return node.values.map(literalOf)
  if (node.kind === Kind.OBJECT) return valuesOf(node.fields)
  return node.value
}

const valuesOf = (
  nodes: readonly Pick<ArgumentNode, 'name' | 'value'>[],
): Record<string, unknown> =>
  Object.fromEntries(nodes.map(({ name, value }) => [name.value, literalOf(value)]))

/** What a field is asked with, and whether all of it is known. */
export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: KnownVariables,
): { readonly values: Readonly<Record<string, unknown>>; readonly areKnown: boolean } {
  const areKnown = variables !== undefined || !dependsOnVariables(node)
  const values = areKnown
    ? getArgumentValues(field, node, variables)
    : valuesOf(node.arguments ?? [])
  return { values, areKnown }
}

/** A document, or a part of one, with everything that a variable could leave out. */
export const withAllConditional = <Node extends ASTNode>(node: Node): Node =>
  visit(node, {
    Directive: (directive) => (dependsOnVariables(directive) ? null : undefined),
  })
