import type { GraphQLField } from 'graphql'
import { holds } from '../auth/policy.ts'
import type { Context } from './context.ts'
import { requirementOf } from './guard.ts'

/** What another pays for is free for those who may ask for it: a refusal is nobody else's to pay. */
export const isFreeFor =
  (context: Context) =>
  (field: GraphQLField<unknown, unknown>): boolean => {
    if (field.extensions.isFree !== true || context.isAnonymous) return false
    const { principal } = context
    const asked = requirementOf(field)?.permissions ?? []
    return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
  }
