import {
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
} from 'graphql'

/** What a field leads to, as far as its cost goes. */
export type FieldClass =
  /** A scalar or enum, or a list of them. */
  | 'LEAF'
  /** A list in pages. */
  | 'CONNECTION'
  /** What a connection or an edge is made of: it repeats what the connection stands for. */
  | 'PAGE_PART'
  /** What a mutation was about, in its payload. */
  | 'OWN_ENTITY'
  | 'ENTITY'
  | 'ENTITY_LIST'
  /** What has no identity of its own, introspection included. */
  | 'VALUE'
  | 'VALUE_LIST'

const has = (type: GraphQLObjectType | GraphQLInterfaceType, field: string): boolean =>
  field in type.getFields()

const isList = (type: GraphQLOutputType): boolean => isListType(getNullableType(type))

/**
 * The one definition of what a field leads to, read off the fields of its types: entities have an
 * `id`, connections a `pageInfo`, edges a `cursor`, payloads `errors`.
 */
export function fieldClass(
  parent: GraphQLObjectType,
  { type }: Pick<GraphQLField<unknown, unknown>, 'type'>,
): FieldClass {
  const named = getNamedType(type)
  if (!isObjectType(named) && !isInterfaceType(named)) return 'LEAF'
  if (has(parent, 'pageInfo') || has(parent, 'cursor')) return 'PAGE_PART'
  if (has(named, 'pageInfo')) return 'CONNECTION'
  if (!has(named, 'id')) return isList(type) ? 'VALUE_LIST' : 'VALUE'
  if (isList(type)) return 'ENTITY_LIST'
  return has(parent, 'errors') ? 'OWN_ENTITY' : 'ENTITY'
}
