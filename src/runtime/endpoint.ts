import OpenAI from 'openai'
import { createExchange } from './exchange.ts'
import { RunFailure } from './run-failure.ts'

/** Where agents are run: any server that speaks OpenAI's chat protocol. */
export interface EndpointSettings {
  /** Up to where `/chat/completions` begins. */
  readonly url: string
  /** Absent: it asks for none. */
  readonly key?: string | undefined
  readonly timeoutSeconds: number
}

/** One turn of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface Question {
  readonly model: string
  readonly messages: readonly Message[]
  /** Gives the question up; the reason is what `ask` then throws. */
  readonly signal: AbortSignal
}

export interface Reply {
  readonly text: string
  /** Null where the endpoint does not tell. */
  readonly inputTokens: number | null
  readonly outputTokens: number | null
}

export interface Endpoint {
  /**
   * Asks once and reads the whole reply. What went wrong is told without a word of the endpoint's
   * own, which may quote the question or the key.
   *
   * @throws RunFailure, or the reason of the signal
   */
  ask(question: Question): Promise<Reply>
}

const maxReplyLength = 1_000_000

const statusFailures: Readonly<Record<number, string>> = {
  401: "The agent endpoint did not accept the server's credentials.",
  403: "The agent endpoint did not accept the server's credentials.",
  404: 'The agent endpoint does not know the model, or is somewhere else.',
  429: 'The agent endpoint takes no more requests at the moment.',
}

/** The code of an error or of what caused it, such as ECONNREFUSED. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : codeOf(error.cause)
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof OpenAI.APIConnectionError)
    return new RunFailure('The agent endpoint could not be reached.', codeOf(error.cause))
  if (!(error instanceof OpenAI.APIError))
    return new RunFailure(
      'The answer of the agent endpoint could not be read to its end.',
      codeOf(error),
    )
  const { status } = error
  if (status === undefined)
    return new RunFailure('The agent endpoint broke its answer off with an error.')
  const known = statusFailures[status]
  const kind = status >= 500 ? 'failed' : 'refused the request'
  return new RunFailure(known ?? `The agent endpoint ${kind} (HTTP ${status}).`)
}

type Chunk = OpenAI.Chat.ChatCompletionChunk

/** A count as it is stored; anything else is none. */
const countOf = (value: unknown): number | null =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31
    ? Number(value)
    : null

async function readReply(chunks: AsyncIterable<Chunk>, eventRead: () => void): Promise<Reply> {
  const parts: string[] = []
  let length = 0
  let isRefused = false
  let finish: string | null = null
  let usage: Chunk['usage']
  for await (const chunk of chunks) {
    eventRead()
    const choice = chunk.choices?.[0]
    const text = choice?.delta?.content
    if (typeof text === 'string' && text !== '') {
      parts.push(text)
      length += text.length
      if (length > maxReplyLength) throw new RunFailure('The answer is too long.')
    }
    isRefused ||= Boolean(choice?.delta?.refusal)
    finish = choice?.finish_reason ?? finish
    usage = chunk.usage ?? usage
  }
  if (finish === 'content_filter')
    throw new RunFailure('The agent endpoint withheld its answer: a filter of its own.')
  if (finish === 'tool_calls' || finish === 'function_call')
    throw new RunFailure('The agent endpoint asked for a tool; none is offered.')
  // A whole stream tells why it ended. Without it the connection was cut, or it was no such stream.
  if (finish === null) throw new RunFailure('The answer of the agent endpoint broke off.')
  if (isRefused) throw new RunFailure('The model refused to answer.')
  // What PostgreSQL cannot hold would fail the run after all.
  const text = parts.join('').toWellFormed().replaceAll('\0', '\ufffd')
  // As part of the conversation it would be refused from then on.
  if (text.trim() === '') throw new RunFailure('The agent endpoint gave no answer.')
  return {
    text,
    inputTokens: countOf(usage?.prompt_tokens),
    outputTokens: countOf(usage?.completion_tokens),
  }
}

/** A client of the endpoint. It asks once: what may have been run is never repeated. */
export function createEndpoint({ url, key, timeoutSeconds }: EndpointSettings): Endpoint {
  // Named one by one, so that none of them is taken from the environment.
  const client = new OpenAI({
    baseURL: url,
    apiKey: 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    maxRetries: 0,
    // The time is kept below, for the whole answer; this would be for its beginning.
    timeout: (timeoutSeconds + 60) * 1_000,
    logLevel: 'off',
  })
  return {
    async ask({ model, messages, signal }) {
      const tooLate = AbortSignal.timeout(timeoutSeconds * 1_000)
      const either = AbortSignal.any([signal, tooLate])
      try {
        const { fetch, eventRead } = createExchange(key)
        const stream = await client.withOptions({ fetch }).chat.completions.create(
          {
            model,
            messages: [...messages],
            stream: true,
            stream_options: { include_usage: true },
          },
          { signal: either },
        )
        const reply = await readReply(stream, eventRead)
        // An abort ends the stream as if it had ended by itself.
        either.throwIfAborted()
        return reply
      } catch (error) {
        signal.throwIfAborted()
        if (tooLate.aborted)
          throw new RunFailure(`The agent endpoint took longer than ${timeoutSeconds} s.`)
        throw error instanceof RunFailure ? error : failureOf(error)
      }
    },
  }
}
