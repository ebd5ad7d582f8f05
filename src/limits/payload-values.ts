import {
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
} from 'graphql'
import { type FieldClass, fieldClass } from './field-class.ts'

const ofPayload: readonly FieldClass[] = ['LEAF', 'VALUE', 'VALUE_LIST', 'OWN_ENTITY']

/** The names of the types of payloads and of the values in them, such as errors. */
function payloadTypes(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (parent: GraphQLObjectType): void => {
    if (names.has(parent.name)) return
    names.add(parent.name)
    for (const field of Object.values(parent.getFields())) {
      const type = getNamedType(field.type)
      if (isObjectType(type) && fieldClass(parent, field).startsWith('VALUE')) add(type)
    }
  }
  const mutation = schema.getMutationType()
  if (mutation) add(mutation)
  return names
}

const known = new WeakMap<GraphQLSchema, ReadonlySet<string>>()

/**
 * Whether a field of a mutation tells what it has done: a value of its payload, such as a new secret
 * or an error, the payload's own entity, or a scalar of that.
 */
export function isPayloadValue({
  schema,
  parentType,
  returnType,
  path,
}: GraphQLResolveInfo): boolean {
  const types = known.get(schema) ?? payloadTypes(schema)
  known.set(schema, types)
  const kind = fieldClass(parentType, { type: returnType })
  if (types.has(parentType.name)) return ofPayload.includes(kind)
  const above = path.prev?.typename
  return kind === 'LEAF' && above !== undefined && types.has(above)
}
