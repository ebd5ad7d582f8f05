import type { GraphQLField } from 'graphql'
import { holds } from '../auth/policy.ts'
import type { Context } from './context.ts'
import { requirementOf } from './guard.ts'

/** `verifyApiKey` is charged to the verified key, so a caller who may verify pays nothing; others do. */
export const isFreeFor =
  (context: Context) =>
  (field: GraphQLField<unknown, unknown>): boolean => {
    if (field.extensions.isFree !== true || context.isAnonymous) return false
    const { principal } = context
    const asked = requirementOf(field)?.permissions ?? []
    return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
  }
