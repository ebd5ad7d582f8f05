import {
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'

type Sizes = Readonly<Record<string, number>>

/** The longest of each list of introspection. */
function sizesOf(schema: GraphQLSchema): Sizes {
  const types = Object.values(schema.getTypeMap())
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type))
  const fields = withFields.map((type) => Object.values(type.getFields()))
  const withArgs = [...fields.flat(), ...schema.getDirectives()]
  const longest = (lists: readonly (readonly unknown[])[]): number =>
    Math.max(0, ...lists.map(({ length }) => length))
  return {
    types: types.length,
    directives: schema.getDirectives().length,
    fields: longest(fields),
    args: longest(withArgs.map(({ args }) => args)),
    interfaces: longest(withFields.map((type) => type.getInterfaces())),
    possibleTypes: types.length,
    enumValues: longest(types.filter(isEnumType).map((type) => type.getValues())),
    inputFields: longest(
      types.filter(isInputObjectType).map((type) => Object.values(type.getFields())),
    ),
  }
}

const known = new WeakMap<GraphQLSchema, Sizes>()

/** How many items a list of introspection can hold. */
export function introspectionSize(schema: GraphQLSchema, field: string): number {
  const sizes = known.get(schema) ?? sizesOf(schema)
  known.set(schema, sizes)
  return sizes[field] ?? 0
}
