import { randomUUID } from 'node:crypto'
import { createContext } from './context.ts'
import type { Deps } from './deps.ts'
import type { Env } from './env.ts'
import { RequestError, unauthenticated } from './errors.ts'
import { acceptedMediaType } from './http/accepted-media-type.ts'
import { authenticate } from './http/authenticate.ts'
import { clientAddress } from './http/client-address.ts'
import { allowAnyOrigin, preflightResponse } from './http/cors.ts'
import { graphiqlPage, wantsGraphiql } from './http/graphiql.ts'
import { createGraphQL } from './http/graphql.ts'
import { health, ready } from './http/health.ts'
import { oauthDoors } from './http/oauth/oauth.ts'
import type { Peer } from './http/peer.ts'
import { errorResponse, jsonResponse, notAcceptableResponse } from './http/respond.ts'

/** What of the settings the application itself looks at. */
export type AppOptions = Pick<Env, 'graphiql' | 'introspection' | 'trustedProxies'>

/** The application: answers requests, and knows nothing of sockets. */
export interface App {
  fetch(request: Request, peer?: Peer): Promise<Response>
}

/** The path of a URL as it was sent, without parsing what comes before and after. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.slice(start).search(/[?#]/)
  return start < 0 ? '/' : end < 0 ? url.slice(start) : url.slice(start, start + end)
}

/** The application over its dependencies. Paths are exact; anything else is 404. */
export function createApp(deps: Deps, options: AppOptions): App {
  const graphql = createGraphQL(deps)
  const page = graphiqlPage()
  const oauth = oauthDoors(deps)
  const addressOf = clientAddress(options.trustedProxies)

  const answer = async (
    request: Request,
    address: string | undefined,
    requestId: string,
  ): Promise<Response> => {
    const principal = await authenticate(deps, request.headers, {
      address,
      requestId,
      acceptsRotated: true,
    })
    if (principal === undefined && options.introspection !== 'public')
      throw unauthenticated('MISSING')
    return graphql.fetch(request, createContext(deps, { requestId, address, principal }))
  }

  const graphqlEndpoint = async (
    request: Request,
    address: string | undefined,
  ): Promise<Response> => {
    if (request.method === 'OPTIONS') return preflightResponse(['GET', 'POST'])
    if (options.graphiql && wantsGraphiql(request)) return page.respond(request)
    const requestId = randomUUID()
    const type = acceptedMediaType(request.headers.get('accept'))
    const response =
      type === undefined
        ? notAcceptableResponse(requestId)
        : await answer(request, address, requestId).catch((error: unknown) => {
            if (!(error instanceof RequestError)) throw error
            if (error.cause !== undefined)
              deps.logger.error({ err: error.cause, requestId }, error.message)
            return errorResponse(error, requestId, type)
          })
    response.headers.set('x-request-id', requestId)
    // X-API-Key, unlike Authorization, would not keep a shared cache from storing it.
    response.headers.set('cache-control', 'no-store')
    response.headers.set('x-content-type-options', 'nosniff')
    return allowAnyOrigin(response)
  }

  return {
    async fetch(request, peer = {}) {
      const path = pathOf(request.url)
      const address = addressOf(peer, request.headers)
      switch (path) {
        case '/graphql':
          return await graphqlEndpoint(request, address)
        case '/health':
          return health()
        case '/ready':
          return await ready(deps)
        default:
          return (
            (await oauth.get(path)?.(request, address)) ?? jsonResponse(404, { error: 'not found' })
          )
      }
    },
  }
}
