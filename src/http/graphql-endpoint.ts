import { randomUUID } from 'node:crypto'
import { type Context, createContext } from '../context.ts'
import type { Deps } from '../deps.ts'
import { RequestError, unauthenticated } from '../errors.ts'
import { leastCost } from '../limits/operation-cost.ts'
import { acceptedMediaType, type MediaType } from './accepted-media-type.ts'
import { authenticate } from './authenticate.ts'
import { allowAnyOrigin, preflightResponse } from './cors.ts'
import { tellDeprecation } from './deprecation-headers.ts'
import { graphiqlPage, wantsGraphiql } from './graphiql.ts'
import { createGraphQL } from './graphql.ts'
import { tellLimits } from './rate-limit-headers.ts'
import { errorResponse, notAcceptableResponse } from './respond.ts'

/** Which parts of the endpoint are there. */
export interface GraphqlOptions {
  readonly graphiql: boolean
  readonly introspection: 'public' | 'authenticated'
}

/**
 * What cannot be parsed, is not valid or asks for too much costs a known caller the least that a
 * request can. Who is not let in pays nothing.
 *
 * @throws RequestError RATE_LIMITED, and the answer is that instead
 */
async function chargeUnexecuted(context: Context, { status }: Response): Promise<void> {
  if (context.isAnonymous || context.charged !== undefined || status === 401) return
  await context.charge(leastCost)
}

/** What answers at the GraphQL path: operations, and to browsers the page that explores them. */
export function graphqlEndpoint(
  deps: Deps,
  options: GraphqlOptions,
): (request: Request, address: string | undefined) => Promise<Response> {
  const graphql = createGraphQL(deps)
  const page = graphiqlPage()

  const answer = async (
    request: Request,
    requestId: string,
    address: string | undefined,
    type: MediaType,
    failed: (error: unknown) => Response,
  ): Promise<Response> => {
    const principal = await authenticate(deps, request.headers, { address, requestId })
    if (principal === undefined && options.introspection !== 'public')
      throw unauthenticated('MISSING')
    const context = createContext(deps, { requestId, address, principal })
    const answered = await graphql(request, context, type)
    const response = await chargeUnexecuted(context, answered).then(() => answered, failed)
    tellLimits(response, context.charged)
    tellDeprecation(response, principal)
    return response
  }

  return async (request, address) => {
    if (request.method === 'OPTIONS') return preflightResponse(['GET', 'POST'])
    if (options.graphiql && wantsGraphiql(request)) return page.respond(request)
    const requestId = randomUUID()
    const type = acceptedMediaType(request.headers.get('accept'))
    const failed = (error: unknown): Response => {
      if (!(error instanceof RequestError) || type === undefined) throw error
      if (error.cause !== undefined)
        deps.logger.error({ err: error.cause, requestId }, error.message)
      return errorResponse(error, requestId, type)
    }
    const response =
      type === undefined
        ? notAcceptableResponse(requestId)
        : await answer(request, requestId, address, type, failed).catch(failed)
    response.headers.set('x-request-id', requestId)
    // X-API-Key, unlike Authorization, would not keep a shared cache from storing it.
    response.headers.set('cache-control', 'no-store')
    response.headers.set('x-content-type-options', 'nosniff')
    return allowAnyOrigin(response)
  }
}
