import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Awaitable } from '../../when-known.ts'

/** A longer body is written in parts, so that its progress shows. */
const partBytes = 65_536

/** An answer as it is sent. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A short text is written faster as it is than as bytes. */
  readonly body: string | Uint8Array | Readable
  /** What of the body is in memory for this answer alone. */
  readonly ownBytes: number
}

/** Takes an answer out of its Response. Of a long text only the bytes are kept. */
export async function readAnswer(response: Response): Promise<Answer> {
  const { status } = response
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => {
    headers[name] = value
  })
  // Only what is read as it goes is a Response of Node's own, for that takes longer to make.
  if ((response as object) instanceof Response) {
    const body = Readable.fromWeb((response.body ?? new Blob().stream()) as ReadableStream)
    return { status, headers, body, ownBytes: 0 }
  }
  if (!headers['content-type']?.includes('json'))
    return { status, headers, body: await response.bytes(), ownBytes: 0 }
  const text = await response.text()
  const body = text.length > partBytes ? Buffer.from(text) : text
  return { status, headers, body, ownBytes: body.length }
}

function* partsOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += partBytes) yield body.subarray(at, at + partBytes)
}

/**
 * Passes a content on, and restarts the timeout each time that the next part is asked for. Between two
 * parts others have their turn: the system takes megabytes of an answer at once.
 */
async function* timed(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  restartTimeout: () => void,
): AsyncGenerator<Uint8Array> {
  restartTimeout()
  for await (const part of content) {
    restartTimeout()
    yield part
    await nextTurn()
  }
}

/**
 * Sends an answer, its body as fast as the client takes it. However it ends, a stream is given up then,
 * also when the client has gone before it began. One that fails, or is not as long as is told, breaks
 * the answer off.
 *
 * @param on.restartTimeout tells that the client has taken a part
 * @param on.broken told why an answer was broken off, unless it was by the client
 */
export function sendAnswer(
  { status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>,
  res: ServerResponse,
  on: { restartTimeout(): void; broken(error: unknown): void },
): Awaitable<void> {
  // The body limit may have answered meanwhile.
  if (res.destroyed || res.headersSent) {
    if (body instanceof Readable) body.destroy()
    return
  }
  res.writeHead(status, headers)
  if (typeof body === 'string' || (body instanceof Uint8Array && body.length <= partBytes)) {
    res.end(body)
    return
  }
  // The pipeline gives it up with its next bytes only, and none may come.
  if (body instanceof Readable) res.once('close', () => body.destroy())
  // What is over its length would be read as the next answer.
  res.strictContentLength = true
  const content = body instanceof Readable ? body : partsOf(body)
  return pipeline(timed(content, on.restartTimeout), res).catch((error: unknown) => {
    // Else it is the client that has left.
    if (!res.closed) on.broken(error)
  })
}

/**
 * Resets the connection of an answer that makes no progress for `ms`: from the first restart on,
 * and after its end has been written, until the system has taken all of it. A client that sends
 * something makes no progress with that. The reset also frees what the system holds for the client.
 *
 * @param expired called before the connection is reset
 * @returns restarts the time, because a part was taken
 */
export function limitWriteTime(res: ServerResponse, ms: number, expired: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const restart = (): void => {
    if (res.closed) return
    timer ??= setTimeout(() => {
      expired()
      res.socket?.resetAndDestroy()
    }, ms)
    timer.refresh()
  }
  // Most answers are taken at once: of these none needs a timer of its own.
  res.once('prefinish', () => setImmediate(restart)).once('close', () => clearTimeout(timer))
  return restart
}
