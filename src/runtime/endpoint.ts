import { LRUCache } from 'lru-cache'
import OpenAI from 'openai'
import { createExchange, type Exchange, type Sender } from './exchange.ts'
import { RunFailure } from './run-failure.ts'

/** Where agents are run: any server that speaks OpenAI's chat protocol. */
export interface EndpointSettings extends Sender {
  /** Up to where `/chat/completions` begins; a query is kept. */
  readonly url: string
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
  if (error instanceof Error && error.cause instanceof RunFailure) return error.cause
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

/** A text, or the texts of its parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join('')
}

async function readReply(chunks: AsyncIterable<Chunk>, exchange: Exchange): Promise<Reply> {
  const parts: string[] = []
  let length = 0
  let isRefused = false
  let finish: string | null = null
  let usage: Chunk['usage']
  for await (const chunk of chunks) {
    exchange.eventRead()
    const choice = chunk.choices?.[0]
    const text = textOf(choice?.delta?.content)
    if (text !== '') {
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
  // A whole stream tells why it ended, or at least that. Else it was cut, or was no such stream.
  if (finish === null && !exchange.isDone())
    throw new RunFailure('The answer of the agent endpoint broke off.')
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

/** One way to put a question. */
type Form = Pick<OpenAI.ChatCompletionCreateParamsStreaming, 'messages' | 'stream_options'>

/** The system's words before the first ones of the user, for models that take no system message. */
function withoutSystem(messages: readonly Message[]): Message[] {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  const [first, ...rest] = messages.filter(({ role }) => role !== 'system')
  if (first === undefined) return system.map((content) => ({ role: 'user', content }))
  return [{ ...first, content: [...system, first.content].join('\n\n') }, ...rest]
}

/**
 * The ways to put a question, the best one first: not every endpoint knows them all.
 *
 * @param takesSystem whether the model has answered one with a system message before
 */
function formsOf(messages: readonly Message[], takesSystem: boolean): readonly Form[] {
  const plain = { messages: [...messages] }
  const best = { ...plain, stream_options: { include_usage: true } }
  const hasSystem = messages.some(({ role }) => role === 'system')
  const forms = [best, plain, ...(hasSystem ? [{ messages: withoutSystem(messages) }] : [])]
  return takesSystem ? forms.slice(0, 2) : forms
}

/** Whether the endpoint has not run the question, for it did not like how it was put. */
const isRefusal = (error: unknown): boolean =>
  error instanceof OpenAI.APIError && (error.status === 400 || error.status === 422)

/** Asks in one form after the other, until one is not refused. */
async function askIn(
  [form, ...others]: readonly Form[],
  ask: (form: Form) => Promise<Reply>,
): Promise<Reply> {
  if (form === undefined) throw new Error('there is no form to ask in')
  try {
    return await ask(form)
  } catch (error) {
    if (others.length === 0 || !isRefusal(error)) throw error
    return await askIn(others, ask)
  }
}

/** A client of the endpoint. It asks once: what may have been run is never repeated. */
export function createEndpoint({ url, timeoutSeconds, ...sent }: EndpointSettings): Endpoint {
  const { search } = new URL(url)
  /** Models that have taken a system message. */
  const takingSystem = new LRUCache<string, true>({ max: 1_000 })
  // Named one by one, so that none of them is taken from the environment.
  const client = new OpenAI({
    baseURL: url.slice(0, url.length - search.length),
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
        const forms = formsOf(messages, takingSystem.has(model))
        const reply = await askIn(forms, async (form) => {
          const exchange = createExchange(sent, search)
          const { completions } = client.withOptions({ fetch: exchange.fetch }).chat
          const question = { model, ...form, stream: true as const }
          const stream = await completions.create(question, { signal: either })
          if (form.messages.some(({ role }) => role === 'system')) takingSystem.set(model, true)
          return readReply(stream, exchange)
        })
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
