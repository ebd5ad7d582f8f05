import type { GraphQLParams } from 'graphql-yoga'
import { unauthenticated } from '../../errors.ts'
import type { Context } from '../../schema/context.ts'
import { assertDocumentBytes } from '../../schema/document-limits.ts'
import { onlyIntrospects, onlyRotates } from '../../schema/root-fields.ts'
import { type Awaitable, whenKnown } from '../../when-known.ts'
import type { HttpPlugin } from '../plugin.ts'
import { assertParams } from '../request-params.ts'
import { operationContext } from '../server-context.ts'

/**
 * Without a credential nothing but introspection passes. A token that has been replaced may ask for
 * its rotation, and for nothing else.
 *
 * @throws RequestError UNAUTHENTICATED, RATE_LIMITED for one introspection too many
 */
function assertAdmitted(context: Context, params: GraphQLParams): Awaitable<void> {
  if (context.isAnonymous) {
    if (!onlyIntrospects(params)) throw unauthenticated('MISSING')
    return context.deps.limits.failedAuth.introspected(context.address)
  }
  const { principal } = context
  if (principal.kind === 'ACCESS_TOKEN' && principal.isRotated && !onlyRotates(params))
    throw unauthenticated('ROTATED')
}

/** Refuses documents that are too large, and callers who may not ask for what they ask, before the parser. */
export const useAdmission = (): HttpPlugin => ({
  onParams({ params, context }) {
    assertDocumentBytes(params.query)
    return whenKnown(assertAdmitted(operationContext(context), params), () => assertParams(params))
  },
})
