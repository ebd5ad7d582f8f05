import { expect } from 'vitest'
import type { World } from '../../setup/world.ts'

/** What an operation was found to ask for. */
export interface Required {
  readonly permissions: readonly string[]
  readonly fields: readonly { readonly path: string; readonly permissions: readonly string[] }[]
  readonly onlyHumans: boolean
  readonly errors: readonly unknown[]
}

/** What `requiredPermissions` answers. It must not fail itself. */
export async function required(
  { gql }: Pick<World, 'gql'>,
  secret: string,
  operation: string,
  variables?: object | string,
  operationName?: string,
): Promise<Required> {
  const json = typeof variables === 'object' ? JSON.stringify(variables) : variables
  const { data, errors } = await gql(
    secret,
    `query ($operation: String!, $operationName: String, $variables: String) {
      requiredPermissions(operation: $operation, operationName: $operationName, variables: $variables) {
        permissions fields { path permissions } onlyHumans errors { code message path } } }`,
    { operation, operationName, variables: json },
  )
  expect(errors).toEqual([])
  return data.requiredPermissions
}
