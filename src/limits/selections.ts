import { collectFields, collectSubFields } from '@graphql-tools/utils'
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  Kind,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql'

/** The fields that are run in one place, by the name that they have in the answer. */
export type Fields = ReadonlyMap<string, readonly FieldNode[]>

/** What of a document is run, with given variables. */
export interface Selections {
  root(type: GraphQLObjectType, selectionSet: SelectionSetNode): Fields
  /** Of an interface: what is asked of each of its types. */
  below(type: GraphQLObjectType | GraphQLInterfaceType, fields: readonly FieldNode[]): Fields
}

/**
 * What of a document is run: by the executor's own functions, so that fragments, @skip, @include and
 * repeated fields count as what is made of them, neither more nor less.
 */
export function selectionsOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
): Selections {
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null)
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  return {
    root: (type, selectionSet) =>
      collectFields(schema, fragments, variables, type, selectionSet).fields,
    below: (type, fields) =>
      collectSubFields(schema, fragments, variables, type as GraphQLObjectType, [...fields]).fields,
  }
}

/** The definition of a field, `__schema` and `__type` included; `__typename` leads nowhere. */
export function fieldOf(
  schema: GraphQLSchema,
  parent: GraphQLObjectType,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  const meta =
    parent === schema.getQueryType()
      ? [SchemaMetaFieldDef, TypeMetaFieldDef].find((field) => field.name === name)
      : undefined
  return meta ?? parent.getFields()[name]
}
