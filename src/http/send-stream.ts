import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

const isOfClient = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'

/** Passes a content on. What is over its length would be read as the next answer: none of it passes. */
async function* ofLength(
  content: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array> {
  let missing = length
  for await (const chunk of content) {
    missing -= chunk.length
    if (missing < 0) throw new Error(`the content is longer than the ${length} bytes that are told`)
    yield chunk
  }
  if (missing > 0) throw new Error(`${missing} of the ${length} bytes that are told are missing`)
}

interface SendOptions {
  /** An answer that does not go on for so long is broken off (milliseconds). */
  readonly patienceMs: number
  /** Told why an answer was broken off, unless it was by the client, or for one that takes nothing. */
  broken(error: unknown): void
}

/**
 * Sends an answer whose body is read as it goes. However it ends, the body is given up then, also when
 * the client has gone before it began. One that fails, or is not as long as is told, breaks the answer
 * off.
 */
export async function sendStream(
  { status, headers, body }: Response,
  res: ServerResponse,
  { patienceMs, broken }: SendOptions,
): Promise<void> {
  const content = body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream)
  if (res.destroyed || res.headersSent) {
    content.destroy()
    return
  }
  const length = body === null ? null : headers.get('content-length')
  const sent = length === null ? content : Readable.from(ofLength(content, Number(length)))
  res.writeHead(status, Object.fromEntries(headers))
  res.setTimeout(patienceMs, () => {
    if (!res.writableNeedDrain) broken(new Error(`the content did not go on for ${patienceMs} ms`))
    res.destroy()
  })
  // Before Node's own, which sets how long the connection may be idle unless an answer is due on it.
  res.prependOnceListener('finish', () => res.setTimeout(0))
  // What measures it ends with its next bytes only, and none may come.
  res.once('close', () => content.destroy())
  await pipeline(sent, res).catch((error: unknown) => {
    if (!isOfClient(error)) broken(error)
  })
}
