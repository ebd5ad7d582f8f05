import type { ServerResponse } from 'node:http'
import type { RequestErrorCode } from '../../errors.ts'
import { commonHeaders } from '../common-headers.ts'

/** The ids of the requests that are being answered. */
export const requestIds = new WeakMap<ServerResponse, string>()

/**
 * Starts a GraphQL-shaped error as the answer to a request that never reaches the application, or
 * that the application failed to answer. The whole answer is written but not ended, so that the
 * caller decides what becomes of the connection.
 */
export function writeError(
  res: ServerResponse,
  status: number,
  code: RequestErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const requestId = requestIds.get(res) ?? ''
  const body = JSON.stringify({ errors: [{ message, extensions: { code, requestId } }] })
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...commonHeaders(requestId),
    ...headers,
    ...(res.shouldKeepAlive ? {} : { connection: 'close' }),
  })
  res.write(body)
}
