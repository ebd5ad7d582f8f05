import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How many requests of a connection wait at most for the answers before theirs. */
const maxWaiting = 10

type Handler = (req: IncomingMessage, res: ServerResponse) => void

/**
 * Handles the requests of a connection one after another: the next one once the system has taken the
 * whole answer to the one before. So a client that reads no answers has no more than one in memory.
 * A connection with more requests waiting is closed, which a client that sends requests ahead must
 * expect (RFC 9112, 9.3.2).
 */
export function oneAfterAnother(handle: Handler): Handler {
  const waiting = new WeakMap<Socket, number>()
  return (req, res) => {
    // Node gives a response its socket when those before it have been written.
    if (res.socket !== null) {
      handle(req, res)
      return
    }
    const { socket } = req
    const count = (waiting.get(socket) ?? 0) + 1
    if (count > maxWaiting) {
      socket.destroy()
      return
    }
    waiting.set(socket, count)
    res.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) ?? 0) - 1)
      handle(req, res)
    })
  }
}
