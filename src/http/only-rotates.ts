import { getOperationAST, Kind, OperationTypeNode, parse } from 'graphql'
import { maxTokens } from './graphql-document-limits.ts'
import type { UnvalidatedParams } from './request-params.ts'

/**
 * Whether the operation asked for is a mutation with `rotateAccessToken` as its one root field, for
 * certain: a directive could skip it. One that cannot be parsed or chosen is not.
 */
export function onlyRotates({ query, operationName }: UnvalidatedParams): boolean {
  if (typeof query !== 'string') return false
  try {
    const operation = getOperationAST(
      parse(query, { maxTokens, noLocation: true }),
      typeof operationName === 'string' && operationName !== '' ? operationName : undefined,
    )
    const [field, another] = operation?.selectionSet.selections ?? []
    return (
      operation?.operation === OperationTypeNode.MUTATION &&
      field?.kind === Kind.FIELD &&
      field.name.value === 'rotateAccessToken' &&
      !field.directives?.length &&
      another === undefined
    )
  } catch {
    return false
  }
}
