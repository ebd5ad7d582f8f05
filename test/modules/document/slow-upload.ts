import type { World } from '../../setup/world.ts'
import { uploadQuery } from './ask.ts'

/** An upload whose content is on its way. */
export interface SlowUpload {
  /** Sends the rest, and gives what came of it. */
  finish(): Promise<any>
}

const boundary = 'xxBOUNDARYxx'
const disposition = 'Content-Disposition: form-data; name='

/** Begins an upload, and waits until its content is asked for. */
export async function beginUpload(
  world: World,
  secret: string,
  sessionId: string,
  content: string,
): Promise<SlowUpload> {
  const variables = { sessionId, file: null }
  const head = [
    `--${boundary}\r\n${disposition}"operations"\r\n\r\n${JSON.stringify({ query: uploadQuery, variables })}`,
    `--${boundary}\r\n${disposition}"map"\r\n\r\n{"f":["variables.file"]}`,
    `--${boundary}\r\n${disposition}"f"; filename="slow.txt"\r\n\r\n`,
  ].join('\r\n')
  const sent = Promise.withResolvers<void>()
  const rest = Promise.withResolvers<void>()
  const parts = [head, 'x'.repeat(100_000), 'x'.repeat(100_000)]
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = parts.shift()
        if (part !== undefined) return controller.enqueue(Buffer.from(part))
        // More was taken than buffers hold: somebody reads.
        sent.resolve()
        await rest.promise
        controller.enqueue(Buffer.from(`${content}\r\n--${boundary}--\r\n`))
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const request = new Request('http://latchkey.test/graphql', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${secret}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
    },
    body,
    duplex: 'half',
  } as RequestInit)
  const answer = world.app.fetch(request).then((response) => response.json())
  await Promise.race([sent.promise, answer])
  return {
    finish: () => {
      rest.resolve()
      return answer
    },
  }
}
