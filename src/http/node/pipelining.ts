import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How many requests of a connection wait at most for the answers before theirs. */
const maxWaiting = 10

type Handler = (req: IncomingMessage, res: ServerResponse) => void

/**
 * Handles the requests of a connection one after another: the next one once the system has taken the
 * whole answer to the one before, and in another turn of the event loop. So a client that reads no
 * answers has no more than one in memory, and one that sends hundreds ahead holds nobody up. A
 * connection with more requests waiting is closed, which a client that sends requests ahead must
 * expect (RFC 9112, 9.3.2).
 */
export function oneAfterAnother(handle: Handler): Handler {
  /** By the connections that have a request in this turn, or some that wait. */
  const lines = new WeakMap<Socket, [req: IncomingMessage, res: ServerResponse][]>()

  const next = (socket: Socket): void => {
    const [req, res] = lines.get(socket)?.shift() ?? []
    if (req === undefined || res === undefined || socket.destroyed) {
      lines.delete(socket)
      return
    }
    const begin = (): void => {
      setImmediate(next, socket)
      handle(req, res)
    }
    // Node gives a response its socket when those before it have been written.
    if (res.socket !== null) begin()
    else res.once('socket', begin)
  }
  return (req, res) => {
    const { socket } = req
    const line = lines.get(socket)
    if (line === undefined) {
      lines.set(socket, [[req, res]])
      next(socket)
    } else if (line.length < maxWaiting) line.push([req, res])
    else socket.destroy()
  }
}
