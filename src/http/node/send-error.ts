import type { ServerResponse } from 'node:http'
import type { RequestError } from '../../errors.ts'
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
