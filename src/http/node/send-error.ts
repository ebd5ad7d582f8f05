import type { IncomingMessage, ServerResponse } from 'node:http'
import { badRequest, type RequestError } from '../../errors.ts'
import { commonHeaders } from '../headers.ts'
import { errorReply } from '../routes/route.ts'

/** The ids of the requests that are being answered. */
export const requestIds = new WeakMap<ServerResponse, string>()

/**
 * Starts a GraphQL-shaped error as the answer to a request that never reaches the application, or
 * that the application failed to answer. The whole answer is written but not ended, so that the
 * caller decides what becomes of the connection.
 */
export function writeError(res: ServerResponse, error: RequestError): void {
  const requestId = requestIds.get(res) ?? ''
  const { status, headers, body } = errorReply(error, requestId)
  res.writeHead(status, {
    ...commonHeaders(requestId),
    ...headers,
    'content-length': Buffer.byteLength(body),
    ...(res.shouldKeepAlive ? {} : { connection: 'close' }),
  })
  res.write(body)
}

/**
 * How long a refused body is still read, and thrown away, in milliseconds. Closing a connection
 * with unread bytes resets it, and a client that is still sending would never see the answer.
 */
export const lingerMs = 1_000

export const tooLarge = (maxBytes: number): RequestError =>
  badRequest(`The request body must have at most ${maxBytes} bytes.`, { status: 413 })

/** Answers, reads on without keeping anything until the body ends or `lingerMs` are over. */
export function refuseBody(req: IncomingMessage, res: ServerResponse, error: RequestError): void {
  res.shouldKeepAlive = false
  writeError(res, error)
  if (req.complete) res.end()
  const timer = setTimeout(() => res.end(), lingerMs)
  req.push = (chunk: unknown) => {
    if (chunk === null) res.end()
    return true
  }
  req.resume()
  res.once('close', () => {
    clearTimeout(timer)
    // A reader that waits for the rest of the body fails: it will not come.
    req.destroy(error)
  })
}
