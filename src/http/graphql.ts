import { type ExecutionResult, GraphQLError } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import type { Context } from '../context.ts'
import type { Deps } from '../deps.ts'
import { unauthenticated } from '../errors.ts'
import { schema } from '../schema.ts'
import { causeOf, maskError } from './errors.ts'
import { onlyIntrospects } from './introspection.ts'
import { onlyWellFormed } from './well-formed.ts'

/** Without a credential nothing but introspection passes, and where it is not public nothing gets here. */
const anonymousOnlyIntrospects: Plugin<object, Context> = {
  onParams({ params, context }) {
    if (context.isAnonymous && !onlyIntrospects(params.query)) throw unauthenticated('MISSING')
  },
}

/** Gives every error its request id, and the log what was masked. */
const errorsOnTheWayOut = (deps: Deps): Plugin<object, Context> => ({
  onResultProcess({ result, setResult, serverContext }) {
    if (Array.isArray(result) || !('errors' in result) || !result.errors) return
    const { requestId } = serverContext
    const errors = result.errors.map((error) => {
      const cause = causeOf(error)
      if (cause !== undefined) deps.logger.error({ err: cause, requestId }, error.message)
      return withRequestId(error, requestId)
    })
    setResult({ ...(result as ExecutionResult), errors })
  },
})

const withRequestId = (error: GraphQLError, requestId: string): GraphQLError =>
  new GraphQLError(withoutSecrets(error.message), {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...error.extensions, requestId },
  })

/**
 * The GraphQL engine behind our own HTTP. Its limits, pages, routes and logs are ours, and so
 * switched off here; errors are masked in every environment. Each request brings a context of its own.
 */
export const createGraphQL = (deps: Deps) =>
  createYoga<Context>({
    schema,
    maskedErrors: { isDev: false, maskError },
    plugins: [onlyWellFormed, anonymousOnlyIntrospects, errorsOnTheWayOut(deps)],
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    maxRequestBodySize: false,
  })
