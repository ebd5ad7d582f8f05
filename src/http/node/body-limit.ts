import type { IncomingMessage, ServerResponse } from 'node:http'
import { badRequest } from '../../errors.ts'
import { bodyTimeoutMs, uploadIdleMs } from '../../limits/request-limits.ts'
import { isMultipart } from '../multipart.ts'
import { graphqlPath } from '../paths.ts'
import { decodeBody } from './decode-body.ts'
import { lingerMs, refuseBody, tooLarge } from './send-error.ts'

/** How large bodies may be, in bytes. */
export interface BodyLimits {
  readonly maxBodyBytes: number
  /** Of a form that may have a file. */
  readonly maxUploadBytes: number
}

/** Whether a request may bring a file: the GraphQL endpoint alone takes any. */
const isUpload = ({ method, url = '', headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  (url === graphqlPath || url.startsWith(`${graphqlPath}?`)) &&
  isMultipart(headers['content-type'])

/**
 * Refuses a body that has not ended in `ms`, and ends one whose rest is missing although it has been
 * answered. An upload has this long from each of its bytes to the next.
 *
 * @returns begins the time anew
 */
function limitTime(req: IncomingMessage, res: ServerResponse, ms: number): () => void {
  let timer: NodeJS.Timeout | undefined
  // Most bodies come with their headers: of these none needs a timer of its own.
  setImmediate(() => {
    if (req.complete || req.destroyed) return
    timer = setTimeout(() => {
      if (res.headersSent) req.destroy()
      else refuseBody(req, res, badRequest('The request body took too long.', { status: 408 }))
    }, ms)
    req.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
  })
  return () => timer?.refresh()
}

/** Refuses a body as soon as it passes the limit, and ends one whose rest nobody waits for. */
function count(
  req: IncomingMessage,
  res: ServerResponse,
  maxBytes: number,
  onChunk: () => void,
): void {
  const push = req.push.bind(req)
  let received = 0
  req.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    onChunk()
    received += chunk?.length ?? 0
    if (received <= maxBytes) return push(chunk, encoding)
    if (res.headersSent) req.push = () => true
    else refuseBody(req, res, tooLarge(maxBytes))
    return true
  }
  // After an answer Node throws the rest of the body away without a push, however long it is.
  res.once('finish', () => {
    if (!req.complete) setTimeout(() => req.complete || req.destroy(), lingerMs).unref()
  })
}

/**
 * Holds a request's body to its limit. A larger declared length is refused with 413 before anything
 * is read; a body of unknown length is counted while it arrives, and refused when it passes. A
 * declared length needs no counting, for Node's parser ends the body there; an upload is counted
 * nevertheless, for most of it may come after the answer.
 *
 * Done on Node's request because doing it in a stream in between halves the throughput.
 *
 * @returns false when the request has been answered and must not be handled.
 */
export function limitBody(req: IncomingMessage, res: ServerResponse, limits: BodyLimits): boolean {
  const declared = req.headers['content-length']
  const isChunked = req.headers['transfer-encoding'] !== undefined
  if (declared === undefined && !isChunked) return true
  const upload = isUpload(req)
  const maxBytes = upload ? limits.maxUploadBytes : limits.maxBodyBytes
  if (declared !== undefined && !(/^\d+$/.test(declared) && Number(declared) <= maxBytes)) {
    refuseBody(req, res, tooLarge(maxBytes))
    return false
  }
  const restart = limitTime(req, res, upload ? uploadIdleMs : bodyTimeoutMs)
  if (upload || isChunked) count(req, res, maxBytes, upload ? restart : () => undefined)
  return decodeBody(req, res, maxBytes)
}
