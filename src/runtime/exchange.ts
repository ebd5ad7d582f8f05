import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'
import { RunFailure } from './run-failure.ts'

/** One question and its answer, over a connection of their own. */
export interface Exchange {
  /** What the client asks with. */
  readonly fetch: typeof fetch
  /** An event of the answer was read: the client keeps its bytes no more. */
  eventRead(): void
}

const kibibyte = 2 ** 10
/** Holds the longest answer even where every few characters come in an event of their own. */
const maxAnswerBytes = 128 * kibibyte ** 2
/** Kept until the event is whole, and then parsed in one go, for which everybody waits. */
const maxEventBytes = 512 * kibibyte

/** What comes, until it is too much: then RunFailure. */
const bounded = (response: IncomingMessage, isWithin: (bytes: number) => boolean) =>
  (Readable.toWeb(response) as ReadableStream<Uint8Array>).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        if (!isWithin(part.length)) throw new RunFailure('The answer is too long.')
        controller.enqueue(part)
      },
    }),
  )

/**
 * Sends a question once: unlike the global fetch, which repeats what is answered 421 and gives an
 * endpoint up that is silent for 300 s. Only the headers below are sent, whatever the client or the
 * environment would add, nothing is followed or unpacked, and what an error says is not read.
 *
 * @param key absent: none is sent
 */
export function createExchange(key: string | undefined): Exchange {
  let answerBytes = 0
  let eventBytes = 0
  const isWithin = (bytes: number): boolean => {
    answerBytes += bytes
    eventBytes += bytes
    return answerBytes <= maxAnswerBytes && eventBytes <= maxEventBytes
  }
  return {
    async fetch(input, init) {
      const url = new URL(String(input))
      const headers = {
        accept: 'text/event-stream',
        'accept-encoding': 'identity',
        // One that was left open may be cut as the question is sent, and it is sent once.
        connection: 'close',
        'content-type': 'application/json',
        'user-agent': 'latchkey',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      }
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const signal = init?.signal ?? undefined
      const request = send(url, { method: 'POST', headers, ...(signal && { signal }) })
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve).on('error', reject)
        // What switches to another protocol is closed without a word.
        request.once('close', () => reject(new Error('closed without an answer')))
        request.end(init?.body)
      })
      const { statusCode: status = 0 } = response
      if (status >= 200 && status < 300) return new Response(bounded(response, isWithin))
      response.destroy()
      return new Response(null, { status })
    },
    eventRead() {
      eventBytes = 0
    },
  }
}
