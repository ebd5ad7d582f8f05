import type { Deps } from './deps.ts'
import type { Env } from './env.ts'
import { clientAddress } from './http/client-address.ts'
import { downloadEndpoint } from './http/download.ts'
import { graphqlEndpoint } from './http/graphql-endpoint.ts'
import { health, ready } from './http/health.ts'
import { metricsPage } from './http/metrics.ts'
import { oauthDoors } from './http/oauth/oauth.ts'
import { documentsPath, graphqlPath } from './http/paths.ts'
import type { Peer } from './http/peer.ts'
import { jsonResponse } from './http/respond.ts'
import { verifyEndpoint } from './http/verify.ts'

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
  const graphql = graphqlEndpoint(deps, options)
  const documents = downloadEndpoint(deps)
  const oauth = oauthDoors(deps)
  const verify = verifyEndpoint(deps)
  const addressOf = clientAddress(options.trustedProxies)

  return {
    async fetch(request, peer = {}) {
      const path = pathOf(request.url)
      const address = addressOf(peer, request.headers)
      switch (path) {
        case graphqlPath:
          return await graphql(request, address)
        case '/verify':
          return await verify(request, address)
        case '/health':
          return health()
        case '/ready':
          return await ready(deps)
        case '/metrics':
          return await metricsPage(deps)
        default:
          if (path.startsWith(documentsPath))
            return await documents(request, path.slice(documentsPath.length), address)
          return (
            (await oauth.get(path)?.(request, address)) ?? jsonResponse(404, { error: 'not found' })
          )
      }
    },
  }
}
