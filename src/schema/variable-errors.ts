import {
  coerceInputValue,
  GraphQLError,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql'

/** Enough to put right at once. */
const maxErrors = 50

/** Ends the search. */
class TooMany extends Error {}

/** A value of the wrong type. Neither a text is repeated nor what may hold one. */
function shownValue(value: unknown): string {
  if (typeof value === 'string') return '"[…]"'
  if (Array.isArray(value)) return '[…]'
  const isObject = value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isObject ? '{…}' : JSON.stringify(value)
}

const placeOf = (path: readonly (string | number)[]): string =>
  path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')

/**
 * Why the variables of a valid operation are not acceptable, at most 50 reasons; none: they are.
 * graphql-js itself repeats a whole object once for each wrong member of it, which makes of one
 * request many times its length.
 */
export function variableErrors(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): readonly GraphQLError[] {
  const errors: GraphQLError[] = []
  const add = (nodes: VariableDefinitionNode, problem: string): void => {
    if (errors.length === maxErrors) throw new TooMany()
    errors.push(new GraphQLError(`Variable "$${nodes.variable.name.value}" ${problem}`, { nodes }))
  }
  const check = (definition: VariableDefinitionNode): void => {
    const name = definition.variable.name.value
    const type = typeFromAST(schema, definition.type)
    if (!isInputType(type)) return
    if (!Object.hasOwn(variables, name)) {
      if (isNonNullType(type) && definition.defaultValue === undefined)
        add(definition, `of required type "${type}" was not provided.`)
    } else if (variables[name] === null && isNonNullType(type))
      add(definition, `of non-null type "${type}" must not be null.`)
    else
      coerceInputValue(variables[name], type, (path, value, { message }) => {
        const place = path.length > 0 ? ` at "${name}${placeOf(path)}"` : ''
        add(definition, `got invalid value ${shownValue(value)}${place}; ${message}`)
      })
  }
  try {
    variableDefinitions.forEach(check)
  } catch (error) {
    if (!(error instanceof TooMany)) throw error
  }
  return errors
}
