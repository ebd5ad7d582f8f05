import {
  type FieldNode,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  getOperationAST,
  isObjectType,
  parse,
} from 'graphql'
import { type Fields, fieldOf, type Selections, selectionsOf } from './selections.ts'

/** With everything that tools may ask for besides. */
const document = parse(
  getIntrospectionQuery({
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  }),
)

/**
 * Whether a root field `__schema` asks for nothing that the standard introspection query of tools
 * does not ask for: that is deep, and known to be harmless.
 */
export function isStandardIntrospection(
  schema: GraphQLSchema,
  selections: Selections,
  asked: readonly FieldNode[],
): boolean {
  const standard = selectionsOf(schema, document, {})
  const query = schema.getQueryType()
  const selectionSet = getOperationAST(document)?.selectionSet
  if (!query || !selectionSet) return false

  const isWithin = (parent: typeof query, some: Fields, all: Fields): boolean =>
    [...some].every(([name, fields]) => {
      // By its own name: any field can be given the name of a harmless one.
      if (fields[0]?.name.value !== name) return false
      if (name === '__typename') return true
      const known = all.get(name)
      const field = fieldOf(schema, parent, name)
      if (known === undefined || field === undefined) return false
      const type = getNamedType(field.type)
      return (
        !isObjectType(type) ||
        isWithin(type, selections.below(type, fields), standard.below(type, known))
      )
    })
  return isWithin(query, new Map([['__schema', asked]]), standard.root(query, selectionSet))
}
