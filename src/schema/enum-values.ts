import { GraphQLError, type GraphQLSchema, isEnumType } from 'graphql'

/** No name of a value is longer, in characters. */
const longestName = 100

/**
 * Refuses long texts as values of enums at once: graphql-js compares an unknown one with every name,
 * by arrays as long as the text, 0.3 s for a megabyte.
 */
export function refuseLongEnumValues(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isEnumType(type)) continue
    const parseValue = type.parseValue.bind(type)
    type.parseValue = (value) => {
      if (typeof value === 'string' && value.length > longestName)
        throw new GraphQLError(`Value does not exist in "${type.name}" enum.`)
      return parseValue(value)
    }
  }
  return schema
}
