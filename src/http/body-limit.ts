import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeError } from './send-error.ts'

/**
 * How long a refused body is still read, and thrown away, in milliseconds. Closing a connection
 * with unread bytes resets it, and a client that is still sending would never see the answer.
 */
const lingerMs = 1_000

/** Answers 413, reads on without keeping anything until the body ends or `lingerMs` are over. */
function refuse(req: IncomingMessage, res: ServerResponse, maxBytes: number): void {
  res.shouldKeepAlive = false
  writeError(res, 413, 'BAD_REQUEST', `The request body must have at most ${maxBytes} bytes.`)
  const timer = setTimeout(() => res.end(), lingerMs)
  req.push = (chunk: unknown) => {
    if (chunk === null) res.end()
    return true
  }
  req.resume()
  res.once('close', () => {
    clearTimeout(timer)
    // Whoever waits for the rest of the body is told that it will not come.
    req.destroy(new Error(`the request body is larger than ${maxBytes} bytes`))
  })
}

/** Refuses a chunked body as soon as it passes the limit, however it is being read. */
function count(req: IncomingMessage, res: ServerResponse, maxBytes: number): void {
  const push = req.push.bind(req)
  let received = 0
  req.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    received += chunk?.length ?? 0
    if (received <= maxBytes) return push(chunk, encoding)
    if (res.headersSent) req.push = () => true
    else refuse(req, res, maxBytes)
    return true
  }
  // After an answer Node throws the rest of the body away without a push, however long it is.
  res.once('finish', () => {
    const end = () => {
      if (!req.complete) req.destroy()
    }
    if (!req.complete) setTimeout(end, lingerMs).unref()
  })
}

/**
 * Holds a request's body to `maxBytes`. A larger declared length is refused with 413 before anything
 * is read; a body of unknown length is counted while it arrives, and refused when it passes. A
 * declared length needs no counting: Node's parser ends the body there.
 *
 * Done on Node's request because doing it in a stream in between halves the throughput.
 *
 * @returns false when the request has been answered and must not be handled.
 */
export function limitBody(req: IncomingMessage, res: ServerResponse, maxBytes: number): boolean {
  const declared = req.headers['content-length']
  if (declared !== undefined && !(/^\d+$/.test(declared) && Number(declared) <= maxBytes)) {
    refuse(req, res, maxBytes)
    return false
  }
  if (req.headers['transfer-encoding'] !== undefined) count(req, res, maxBytes)
  return true
}
