import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { badRequest, RequestError } from '../../errors.ts'
import { refuseBody, tooLarge } from './send-error.ts'

/** The codings of a body that are read (RFC 9110, 8.4.1). One over another is none of them. */
const decoders = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
])
const supported = 'gzip, deflate, br'

const unsupported = badRequest(`Content-Encoding must be one of ${supported}, or absent.`, {
  status: 415,
  headers: { 'accept-encoding': supported },
})

/** Passes on what a body is without its coding; what is too large, or not so encoded, is refused. */
async function* decoded(
  req: IncomingMessage,
  res: ServerResponse,
  createDecoder: () => Transform,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const brokenOff = new Error('the request body broke off')
  // Nothing would ever come of it.
  if (req.destroyed) throw brokenOff
  const decoder = createDecoder()
  req.once('close', () => req.readableEnded || decoder.destroy(brokenOff)).pipe(decoder)
  let missing = maxBytes
  try {
    for await (const chunk of decoder as AsyncIterable<Uint8Array>) {
      missing -= chunk.length
      if (missing < 0) throw tooLarge(maxBytes)
      yield chunk
    }
  } catch (error) {
    if (error === brokenOff) throw error
    const notSo = 'The request body is not what its Content-Encoding says.'
    const refusal = error instanceof RequestError ? error : badRequest(notSo)
    if (!res.headersSent && !res.closed) {
      refuseBody(req, res, refusal)
      // Not before: what is answered meanwhile would be taken for a failure.
      await once(res, 'close')
    }
    throw refusal
  }
}

/**
 * Lets a request's body be read without its Content-Encoding, up to `maxBytes`. Nothing is decoded
 * before somebody reads it, nor faster.
 *
 * @returns false when the request has been answered, for its coding is not supported
 */
export function decodeBody(req: IncomingMessage, res: ServerResponse, maxBytes: number): boolean {
  const coding = req.headers['content-encoding']?.trim().toLowerCase() || 'identity'
  if (coding === 'identity') return true
  const createDecoder = decoders.get(coding)
  if (createDecoder === undefined) {
    refuseBody(req, res, unsupported)
    return false
  }
  const body = Readable.from(decoded(req, res, createDecoder, maxBytes), { objectMode: false })
  // Nobody may be reading when it fails.
  body.on('error', () => undefined)
  // In place of the request itself for who makes a Request of it.
  Object.assign(req, { body })
  return true
}
