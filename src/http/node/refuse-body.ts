import type { IncomingMessage, ServerResponse } from 'node:http'
import { badRequest, type RequestError } from '../../errors.ts'
import { writeError } from './send-error.ts'

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
    // Whoever waits for the rest of the body is told that it will not come.
    req.destroy(error)
  })
}
