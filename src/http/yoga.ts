import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import type { Deps } from '../deps.ts'
import { schema } from '../schema/schema.ts'
import { maskError } from './errors.ts'
import { graphqlPath } from './paths.ts'
import type { ServerOptions } from './plugin.ts'
import { asOne } from './plugins/as-one.ts'
import { useAdmission } from './plugins/use-admission.ts'
import { useAuthentication } from './plugins/use-authentication.ts'
import { useContentNegotiation } from './plugins/use-content-negotiation.ts'
import { useDocumentCache } from './plugins/use-document-cache.ts'
import { useOperationLimits } from './plugins/use-operation-limits.ts'
import { useRequestParser } from './plugins/use-request-parser.ts'
import { useResponse } from './plugins/use-response.ts'
import { useRoutes } from './plugins/use-routes.ts'
import type { ServerContext } from './server-context.ts'

/**
 * The server behind node:http. Its plugins, in order, are the story of a request. What Yoga offers
 * and a plugin here does otherwise is off.
 */
export const createGraphQLServer = (
  deps: Deps,
  options: ServerOptions,
): YogaServerInstance<ServerContext, object> =>
  createYoga<ServerContext, object>({
    schema,
    graphqlEndpoint: graphqlPath,
    landingPage: false,
    graphiql: false,
    batching: false,
    cors: false,
    multipart: false,
    logging: false,
    // Held on Node's request: a stream in between halves the throughput.
    maxRequestBodySize: false,
    parserAndValidationCache: false,
    maskedErrors: { maskError, errorMessage: 'Internal server error.', isDev: false },
    plugins: asOne(
      useRoutes(deps, options),
      useContentNegotiation(),
      useAuthentication(deps, options),
      useRequestParser(),
      useAdmission(),
      useDocumentCache(),
      useOperationLimits(deps),
      useResponse(deps),
    ),
  })
