import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'
import { RunFailure } from './run-failure.ts'

/** As whom a question is sent. */
export interface Sender {
  /** Absent: the endpoint asks for none. */
  readonly key?: string | undefined
  /** Sent with each question; in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** One question and its answer, over a connection of their own. */
export interface Exchange {
  /** What the client asks with. */
  readonly fetch: typeof fetch
  /** An event of the answer was read: the client keeps its bytes no more. */
  eventRead(): void
  /** Whether the answer said itself that it was over. */
  isDone(): boolean
}

const kibibyte = 2 ** 10
/** Holds the longest answer even where every few characters come in an event of their own. */
const maxAnswerBytes = 128 * kibibyte ** 2
/** Kept until the event is whole, and then parsed in one go, for which everybody waits. */
const maxEventBytes = 512 * kibibyte

/** What comes, until it is too much: then RunFailure. */
const bounded = (response: IncomingMessage, isWithin: (part: Uint8Array) => boolean) =>
  (Readable.toWeb(response) as ReadableStream<Uint8Array>).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        if (!isWithin(part)) throw new RunFailure('The answer is too long.')
        controller.enqueue(part)
      },
    }),
  )

/** The end of a stream, as it is sent by whatever speaks the protocol. */
const done = /(?:^|\n)data: ?\[DONE\]\s{0,4}$/

/** A whole answer in JSON, of an endpoint that does not stream, as a stream; undefined: it is none. */
async function asStream(body: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const text = await new Response(body).text()
  try {
    const answer = JSON.parse(text)
    const choices = answer.choices?.map((choice: { readonly message?: unknown }) => ({
      ...choice,
      delta: choice.message,
    }))
    return `data: ${JSON.stringify({ ...answer, choices })}\n\ndata: [DONE]\n\n`
  } catch {
    return undefined
  }
}

/**
 * Sends a question once: unlike the global fetch, which repeats what is answered 421 and gives an
 * endpoint up that is silent for 300 s. Only the headers below are sent, whatever the client or the
 * environment would add, nothing is followed or unpacked, and what an error says is not read.
 *
 * @param settings the key, absent: none is sent; and further headers
 * @param search of the address, which the client does not keep
 */
export function createExchange({ key, headers: more = {} }: Sender, search: string): Exchange {
  let answerBytes = 0
  let eventBytes = 0
  let end = ''
  let isWhole = false
  const isWithin = (part: Uint8Array): boolean => {
    answerBytes += part.length
    eventBytes += part.length
    end = (end + Buffer.from(part.subarray(-32)).toString('latin1')).slice(-32)
    return answerBytes <= maxAnswerBytes && eventBytes <= maxEventBytes
  }
  return {
    async fetch(input, init) {
      const url = new URL(String(input))
      url.search = search
      const headers = {
        accept: 'text/event-stream',
        'accept-encoding': 'identity',
        // One that was left open may be cut as the question is sent, and it is sent once.
        connection: 'close',
        'content-type': 'application/json',
        'user-agent': 'latchkey',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...more,
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
      if (status >= 200 && status < 300) {
        const body = bounded(response, isWithin)
        const isJson = /^application\/json\b/i.test(response.headers['content-type'] ?? '')
        if (!isJson) return new Response(body)
        const stream = await asStream(body)
        isWhole = stream !== undefined
        return new Response(stream)
      }
      response.destroy()
      return new Response(null, { status })
    },
    eventRead() {
      eventBytes = 0
    },
    isDone: () => isWhole || done.test(end),
  }
}
