import { once } from 'node:events'
import { connect } from 'node:net'
import { createServerAdapter } from '@whatwg-node/server'
import { onTestFinished } from 'vitest'
import {
  type Listener,
  type ListenOptions,
  listen,
  type NodeHandler,
} from '../../src/http/node/server.ts'
import type { ConnectionInfo, ServerContext } from '../../src/http/server-context.ts'

export type Fetch = (request: Request, peer: ConnectionInfo) => Response | Promise<Response>

/** Serves what is written for the standard's requests. */
export function handlerOf(fetch: Fetch): NodeHandler {
  const adapter = createServerAdapter<ServerContext>((request, { state: { peer } }) =>
    fetch(request, peer),
  )
  return async (req, res, context) => adapter.handleNodeRequestAndResponse(req, res, context)
}

/** Serves `fetch` as `serveHandler` does. */
export const serve = (fetch: Fetch, options?: Partial<ListenOptions>) =>
  serveHandler(handlerOf(fetch), options)

/** Serves on a free port until the test ends. `logged` collects what goes to the log. */
export async function serveHandler(
  handle: NodeHandler,
  options: Partial<ListenOptions> = {},
): Promise<Listener & { readonly logged: unknown[] }> {
  const logged: unknown[] = []
  const logger = { error: (...entry: unknown[]) => void logged.push(entry) }
  const listener = await listen(handle, {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_048_576,
    maxUploadBytes: 1_048_576,
    logger,
    ...options,
  })
  onTestFinished(() => listener.close(0))
  return { ...listener, logged }
}

/** A bare connection: what is sent is exactly what is written, and `received` grows by itself. */
export async function open(port: number) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  let closed = false
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
  })
  // A reset is one of the ways in which the server ends a connection.
  socket.on('error', () => undefined)
  const gone = new Promise<void>((resolve) => {
    const end = () => {
      closed = true
      resolve()
    }
    socket.once('end', end).once('close', end)
  })
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  return {
    socket,
    gone,
    received: () => received,
    isClosed: () => closed,
    /** Waits for the other side to take it, as a careful client does. */
    async write(data: string | Uint8Array): Promise<void> {
      if (socket.destroyed || socket.write(data)) return
      await Promise.race([once(socket, 'drain').catch(() => undefined), gone])
    },
  }
}

/** Sends the text and gives everything that comes back until the server ends the connection. */
export async function exchange(port: number, text: string): Promise<string> {
  const connection = await open(port)
  await connection.write(text)
  await connection.gone
  return connection.received()
}
