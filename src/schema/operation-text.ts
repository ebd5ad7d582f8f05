import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { RequestError, type UserError, UserInputError, userError } from '../errors.ts'
import {
  assertDocumentBytes,
  assertDocumentLength,
  maxBytes,
  maxTokens,
} from './document-limits.ts'
import type { KnownVariables } from './unknown-arguments.ts'
import { variableErrors } from './variable-errors.ts'
import { hasLongName } from './variable-names.ts'

/** Enough to put right at once. */
const maxErrors = 50

/** An operation that is asked about, not run. */
export interface OperationText {
  readonly operation: string
  readonly operationName?: string | null | undefined
  /** As JSON. */
  readonly variables?: string | null | undefined
}

/** The same, found to be valid. */
export interface ValidOperation {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly variables: KnownVariables
}

const placeOf = ({ locations: [place] = [] }: GraphQLError): string =>
  place ? ` (line ${place.line}, column ${place.column})` : ''

const invalid = (argument: keyof OperationText, errors: readonly GraphQLError[]): UserInputError =>
  new UserInputError(
    errors.map((error): UserError => {
      const message = `${error.message}${argument === 'operation' ? placeOf(error) : ''}`
      return { code: 'INVALID', path: [argument], message }
    }),
  )

function documentOf(schema: GraphQLSchema, text: string): DocumentNode {
  try {
    assertDocumentBytes(text)
    assertDocumentLength(text)
    const document = parse(text, { maxTokens })
    const errors = validate(schema, document, specifiedRules, { maxErrors })
    if (errors.length > 0) throw invalid('operation', errors)
    return document
  } catch (error) {
    if (error instanceof GraphQLError) throw invalid('operation', [error])
    if (error instanceof RequestError) throw userError('INVALID', ['operation'], error.message)
    throw error
  }
}

function operationOf(schema: GraphQLSchema, document: DocumentNode, name: string | undefined) {
  const operation = getOperationAST(document, name)
  if (!operation)
    throw userError(
      'INVALID',
      ['operationName'],
      name === undefined ? 'Name one of the operations.' : 'There is no operation of that name.',
    )
  if (!schema.getRootType(operation.operation))
    throw userError('INVALID', ['operation'], `There are no ${operation.operation}s.`)
  return operation
}

/** Limited as the document is: each of its fields may read the same long list once more. */
function parsed(json: string): unknown {
  if (Buffer.byteLength(json) > maxBytes)
    throw userError('INVALID', ['variables'], `The variables are longer than ${maxBytes} bytes.`)
  try {
    return JSON.parse(json)
  } catch {
    throw userError('INVALID', ['variables'], 'The variables are not JSON.')
  }
}

function valuesOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  values: unknown,
): KnownVariables {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw userError('INVALID', ['variables'], 'The variables are no JSON object.')
  if (hasLongName(values))
    throw userError('INVALID', ['variables'], 'No field in variables has so long a name.')
  const given = values as Readonly<Record<string, unknown>>
  const { variableDefinitions = [] } = operation
  const { coerced } = getVariableValues(schema, variableDefinitions, given, { maxErrors: 1 })
  // The executor's own errors would repeat whole objects.
  if (coerced === undefined) throw invalid('variables', variableErrors(schema, operation, given))
  return coerced
}

/**
 * Reads an operation, within the limits of any other.
 *
 * @throws UserInputError for what could not be run
 */
export function readOperation(schema: GraphQLSchema, text: OperationText): ValidOperation {
  const document = documentOf(schema, text.operation)
  const operation = operationOf(schema, document, text.operationName || undefined)
  const given = text.variables ? parsed(text.variables) : null
  return {
    document,
    operation,
    variables: given === null ? undefined : valuesOf(schema, operation, given),
  }
}
