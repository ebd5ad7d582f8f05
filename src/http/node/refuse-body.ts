import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeError } from './send-error.ts'

/**
 * How long a refused body is still read, and thrown away, in milliseconds. Closing a connection
 * with unread bytes resets it, and a client that is still sending would never see the answer.
 */
export const lingerMs = 1_000

/** Why a body is refused. */
export interface Refusal {
  readonly status: 400 | 408 | 413 | 415
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

export const tooLarge = (maxBytes: number): Refusal => ({
  status: 413,
  message: `The request body must have at most ${maxBytes} bytes.`,
})

/** Answers, reads on without keeping anything until the body ends or `lingerMs` are over. */
export function refuseBody(
  req: IncomingMessage,
  res: ServerResponse,
  { status, message, headers }: Refusal,
): void {
  res.shouldKeepAlive = false
  writeError(res, status, 'BAD_REQUEST', message, headers)
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
    req.destroy(new Error(message))
  })
}
