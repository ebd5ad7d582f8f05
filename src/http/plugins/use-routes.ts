import type { Deps } from '../../deps.ts'
import { shownError } from '../errors.ts'
import { callerHeaders, challengeHeaders } from '../headers.ts'
import { clientAddress } from '../node/client-address.ts'
import { documentsPath, graphqlPath, verifyPath } from '../paths.ts'
import type { HttpPlugin, ServerOptions } from '../plugin.ts'
import { downloads } from '../routes/documents.ts'
import { graphiqlPage, wantsGraphiql } from '../routes/graphiql.ts'
import { health, ready } from '../routes/health.ts'
import { metricsPage } from '../routes/metrics.ts'
import { oauthRoutes } from '../routes/oauth/oauth.ts'
import { preflight } from '../routes/preflight.ts'
import {
  type Call,
  errorReply,
  notFound,
  type Reply,
  type Route,
  responseOf,
} from '../routes/route.ts'
import { verdicts } from '../routes/verify.ts'

/** The path of a URL as it was sent, without parsing what comes before and after. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.indexOf('?', start)
  return start < 0 ? '/' : url.slice(start, end < 0 ? undefined : end)
}

const isVerify = (path: string): boolean => path === verifyPath || path.startsWith(`${verifyPath}/`)

/** Sends the client to a path of ours, with the query that it sent. */
const redirect =
  (path: string): Route =>
  ({ request: { url } }) => ({
    status: 308,
    headers: { location: path + (/\?.*/s.exec(url)?.[0] ?? '') },
  })

/** Answers what is no operation. Paths are exact; anything else is 404. */
export function useRoutes(
  deps: Deps,
  { trustedProxies, graphiql, introspection, metricsToken }: ServerOptions,
): HttpPlugin {
  const addressOf = clientAddress(trustedProxies)
  const page = graphiql ? graphiqlPage(introspection) : undefined
  const documents = downloads(deps)
  const verify = verdicts(deps)
  const routes = new Map<string, Route>([
    ['/health', health],
    ['/ready', ready(deps)],
    ['/metrics', metricsPage(deps, metricsToken)],
    ...oauthRoutes(deps),
  ])

  /** Undefined: it is an operation's. */
  const routeOf = (request: Request, path: string): Route | undefined => {
    if (isVerify(path)) return verify
    // A gateway whose question came elsewhere, by /verify/../health, would take an answer for a yes.
    if (request.headers.get('latchkey-verifier') !== null) return notFound
    if (request.method === 'OPTIONS') return preflight
    if (path.startsWith(documentsPath)) return documents
    if (page && (path === graphqlPath || path === '/') && wantsGraphiql(request)) return page
    if (path === graphqlPath) return undefined
    const withoutSlash = path.endsWith('/') ? path.slice(0, -1) : ''
    if (withoutSlash === graphqlPath || routes.has(withoutSlash)) return redirect(withoutSlash)
    if (path === '/' && ['GET', 'HEAD'].includes(request.method)) return health
    return routes.get(path) ?? notFound
  }

  const replyOf = async (route: Route, call: Call): Promise<Response> => {
    const { state } = call
    let reply: Reply
    try {
      reply = await route(call)
    } catch (error) {
      const failed = errorReply(shownError(error, deps.logger, state), state.requestId)
      const challenge = challengeHeaders(failed.headers, deps.publicUrl, '')
      reply = { ...failed, headers: { ...failed.headers, ...challenge } }
    }
    const headers = { ...callerHeaders(state.context), ...reply.headers }
    return responseOf({ ...reply, headers }, state.requestId)
  }

  const labelOf = (path: string): string => {
    if (path.startsWith(documentsPath)) return documentsPath
    if (isVerify(path)) return verifyPath
    return path === '/' || path === graphqlPath || routes.has(path) ? path : 'other'
  }

  return {
    onRequest({ request, serverContext: { state }, endResponse }) {
      const path = pathOf(request.url)
      state.path = path
      state.route = labelOf(path)
      Object.assign(state, addressOf(state.peer, request.headers))
      const route = routeOf(request, path)
      if (route === undefined) return undefined
      return replyOf(route, { request, state }).then(endResponse)
    },
  }
}
