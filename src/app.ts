import type { Deps } from './deps.ts'
import type { Peer } from './http/node/peer.ts'
import type { NodeHandler } from './http/node/server.ts'
import { createServerContext } from './http/server-context.ts'
import { createGraphQLServer, type ServerOptions } from './http/yoga.ts'

/** The application: answers requests, and knows nothing of sockets. */
export interface App {
  fetch(request: Request, peer?: Peer): Promise<Response>
  /** The same for a request as Node has it. */
  readonly handle: NodeHandler
}

/** The application over its dependencies. */
export function createApp(deps: Deps, options: ServerOptions): App {
  const yoga = createGraphQLServer(deps, options)
  // Not `yoga.fetch`, which drops the response of a client that has left, with the files it reads.
  const { handleRequest, handleNodeRequestAndResponse } = yoga
  return {
    fetch: async (request, peer = {}) => handleRequest(request, createServerContext(peer)),
    handle: async (req, res, peer) =>
      handleNodeRequestAndResponse(req, res, createServerContext(peer)),
  }
}
