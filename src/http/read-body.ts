import { badRequest } from '../errors.ts'
import { memoryLimits, type RequestMemory } from '../limits/request-memory.ts'

/** Whether it is known to be so short that nobody is refused for it. */
const isShort = ({ headers }: Request): boolean =>
  Number(headers.get('content-length') ?? Number.NaN) <= memoryLimits.free &&
  !headers.has('content-encoding')

/**
 * Reads a body as text, each part counted before it is kept. Of a refused one the rest is read all the
 * same, and thrown away: giving up a stream closes the connection, and the answer is lost.
 *
 * @throws RequestError as `RequestMemory.holdBody`
 */
export function readText(request: Request, memory: RequestMemory | undefined): Promise<string> {
  const reader = memory === undefined || isShort(request) ? undefined : request.body?.getReader()
  return reader === undefined ? request.text() : readCounted(reader, memory)
}

async function readCounted(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  memory: RequestMemory | undefined,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks).toString()
    length += value.length
    const refusal = memory?.holdBody(length)
    if (refusal !== undefined) {
      readToEnd(reader).catch(() => undefined)
      throw refusal
    }
    chunks.push(value)
  }
}

async function readToEnd(reader: ReadableStreamDefaultReader): Promise<void> {
  while (!(await reader.read()).done);
}

/**
 * Parses JSON as clients send it: some put a byte order mark before it (RFC 8259, 8.1).
 *
 * @throws RequestError BAD_REQUEST with that message
 */
export function parseJson(text: string, message: string): unknown {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch {
    throw badRequest(message)
  }
}
