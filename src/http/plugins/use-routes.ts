import type { Deps } from '../../deps.ts'
import { clientAddress } from '../node/client-address.ts'
import { documentsPath, graphqlPath } from '../paths.ts'
import { jsonResponse } from '../respond.ts'
import { downloadEndpoint } from '../routes/documents.ts'
import { health, ready } from '../routes/health.ts'
import { metricsPage } from '../routes/metrics.ts'
import { oauthDoors } from '../routes/oauth/oauth.ts'
import { verifyEndpoint } from '../routes/verify.ts'
import type { HttpPlugin, ServerOptions } from '../yoga.ts'

/** Answers a request at a path of its own. */
type Route = (
  request: Request,
  address: string | undefined,
  path: string,
) => Response | Promise<Response>

/** The path of a URL as it was sent, without parsing what comes before and after. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.slice(start).search(/[?#]/)
  return start < 0 ? '/' : end < 0 ? url.slice(start) : url.slice(start, start + end)
}

/** Answers what is not sent to the GraphQL endpoint. Paths are exact; anything else is 404. */
export function useRoutes(deps: Deps, { trustedProxies }: ServerOptions): HttpPlugin {
  const addressOf = clientAddress(trustedProxies)
  const documents = downloadEndpoint(deps)
  const routes = new Map<string, Route>([
    ['/health', health],
    ['/ready', () => ready(deps)],
    ['/metrics', () => metricsPage(deps)],
    ['/verify', verifyEndpoint(deps)],
    ...oauthDoors(deps),
  ])
  const routeOf = (path: string): Route => {
    if (path.startsWith(documentsPath))
      return (request, address) => documents(request, path.slice(documentsPath.length), address)
    return routes.get(path) ?? (() => jsonResponse(404, { error: 'not found' }))
  }

  return {
    onRequest({ request, serverContext: { state }, endResponse }) {
      const path = pathOf(request.url)
      state.address = addressOf(state.peer, request.headers)
      if (path === graphqlPath) return undefined
      const response = routeOf(path)(request, state.address, path)
      return response instanceof Promise ? response.then(endResponse) : endResponse(response)
    },
  }
}
