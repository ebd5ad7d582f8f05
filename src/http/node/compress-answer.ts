import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Awaitable } from '../../when-known.ts'
import { acceptedCoding } from '../content-negotiation.ts'
import type { Answer } from './send-answer.ts'

/** What is no longer fits into a packet as it is. */
const leastBytes = 1_024

/** Of a list of entities a higher quality saves no more, and takes twice as long. */
const params = { [constants.BROTLI_PARAM_QUALITY]: 3 }

const compressors = {
  br: (body: string | Uint8Array) => promisify(brotliCompress)(body, { params }),
  gzip: (body: string | Uint8Array) => promisify(gzip)(body),
}

/**
 * Compresses an answer as its client asks for, beside the event loop; but for a stream, and what its
 * `Vary` shows to have been chosen already.
 *
 * The length of an answer tells of a secret beside what an attacker chose, if it is sent again and again
 * (BREACH). Here no page can ask in somebody's name, for a browser adds no credential by itself; and
 * secrets are shown once.
 */
export function compressAnswer(answer: Answer, accepted: string | undefined): Awaitable<Answer> {
  const { body, headers: given } = answer
  if (body instanceof Readable || body.length <= leastBytes || given.vary !== undefined)
    return answer
  const coding = acceptedCoding(accepted)
  const headers = { ...given, vary: 'accept-encoding' }
  if (coding === 'identity') return { ...answer, headers }
  return compressors[coding](body).then((short) => ({
    ...answer,
    headers: { ...headers, 'content-encoding': coding, 'content-length': String(short.length) },
    body: short,
    ownBytes: short.length,
  }))
}
