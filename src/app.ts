import type { Deps } from './deps.ts'
import type { NodeHandler } from './http/node/server.ts'
import type { ServerOptions } from './http/plugin.ts'
import { createRequestLog, type RequestLog } from './http/request-log.ts'
import { type ConnectionInfo, createServerContext } from './http/server-context.ts'
import { createGraphQLServer } from './http/yoga.ts'

/** The application: answers requests, and knows nothing of sockets. */
export interface App {
  fetch(request: Request, peer?: ConnectionInfo): Promise<Response>
  /** The same for a request as Node has it. */
  readonly handle: NodeHandler
  /** Called at the end of each request, also one that was refused before it was handled. */
  readonly ended: RequestLog
}

/** The application over its dependencies. */
export function createApp(deps: Deps, options: ServerOptions): App {
  const yoga = createGraphQLServer(deps, options)
  // Not `yoga.fetch`, which drops the response of a client that has left, with the files it reads.
  const { handleRequest, handleNodeRequestAndResponse } = yoga
  const ended = createRequestLog(deps, options.logRequests)
  return {
    fetch: async (request, peer = {}) => {
      const context = createServerContext(peer)
      const response = await handleRequest(request, context)
      const { method, signal } = request
      const { status } = response
      ended(context.state, { method, path: context.state.path, status, isAborted: signal.aborted })
      return response
    },
    handle: handleNodeRequestAndResponse,
    ended,
  }
}
