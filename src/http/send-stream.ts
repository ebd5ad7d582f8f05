import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Logger } from 'pino'

/** A client that takes nothing for so long is given no more (milliseconds). */
const patienceMs = 60_000

const isOfClient = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'

/**
 * Sends an answer whose body is read as it goes. However it ends, the body is given up then, also when
 * the client has gone before it began. What the body fails with breaks the answer off, and is logged.
 */
export async function sendStream(
  { status, headers, body }: Response,
  res: ServerResponse,
  logger: Pick<Logger, 'error'>,
): Promise<void> {
  const content = body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream)
  if (res.destroyed || res.headersSent) {
    content.destroy()
    return
  }
  res.writeHead(status, Object.fromEntries(headers))
  res.setTimeout(patienceMs, () => res.destroy())
  await pipeline(content, res).catch((error: unknown) => {
    if (!isOfClient(error)) logger.error({ err: error }, 'answer broken off')
  })
}
