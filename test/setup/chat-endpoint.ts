import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'

/** What a request asked, as it was sent. */
export interface ChatRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: any
}

/** What goes on for as long as it is read. */
export type Flood =
  | 'an endless error'
  | 'an endless line'
  | 'endless lines'
  | 'endless events'
  | 'endless nesting'

/** How it answers instead of as it should. */
export type Fault =
  | 'never answers'
  | 'stalls'
  | 'cut before'
  | 'cut within'
  | 'ends early'
  | 'no JSON'
  | 'no stream'
  | 'an error within'
  | 'never ends'
  | 'stays open'
  | 'filters'
  | 'refuses'
  | 'calls a tool'
  | 'calls a function'
  | 'packed'
  | Flood
  | 'a redirect'
  | 'another protocol'
  | number

/** A server that speaks OpenAI's chat protocol, streaming: it answers with the last message. */
export interface ChatEndpoint {
  readonly url: string
  readonly requests: readonly ChatRequest[]
  fault: Fault | undefined
  /** What it answers whatever is asked. */
  text: string | undefined
  /** Told at the end, if at all. */
  usage: object | undefined
  /** How many bytes of its last answer were sent. */
  taken(): number
  /** Keeps answers back until it is resolved. */
  gate: Promise<unknown> | undefined
  /** Resolves once so many requests have come. */
  asked(count: number): Promise<void>
  /** How many connections wait for an answer. */
  waiting(): number
  close(): Promise<void>
}

/** What no answer, error or log may show. */
export const endpointSecret = 'sk-endpoint-secret'
export const endpointWords = 'internal words of the endpoint'

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`

const chunk = (delta: object, finish: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 0,
  model: 'test',
  choices: [{ index: 0, delta, finish_reason: finish }],
})

export const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }

const finishes: { readonly [F in Fault]?: string } = {
  filters: 'content_filter',
  'calls a tool': 'tool_calls',
  'calls a function': 'function_call',
}

const floods: Readonly<Record<Flood, string>> = {
  'an endless error': endpointWords.repeat(1_000),
  'an endless line': 'x'.repeat(65_536),
  'endless lines': 'data: x\n'.repeat(8_192),
  'endless events': event({ ...chunk({ content: '' }), more: 'x'.repeat(2 ** 18) }),
  // Slow to parse.
  'endless nesting': `data: ${'['.repeat(2 ** 19)}${']'.repeat(2 ** 19)}\n\n`,
}

/** What would be large only once it is unpacked. */
const packed = gzipSync(`data: ${'x'.repeat(64 * 2 ** 20)}`, { level: 1 })

const isFlood = (fault: Fault | undefined): fault is Flood => fault !== undefined && fault in floods

function flood(res: ServerResponse, kind: Flood): void {
  res.writeHead(kind === 'an endless error' ? 400 : 200, { 'content-type': 'text/event-stream' })
  const pour = (): void => {
    while (!res.destroyed && res.write(floods[kind]));
  }
  res.on('drain', pour)
  if (kind === 'an endless line') res.write('data: ')
  pour()
}

/** An answer as it comes: halves where it is short. */
function piecesOf(answer: string): string[] {
  const length = Math.max(1, Math.min(Math.ceil(answer.length / 2), 50_000))
  return Array.from({ length: Math.ceil(answer.length / length) }, (_, i) =>
    answer.slice(i * length, (i + 1) * length),
  )
}

function send(res: ServerResponse, answer: string, endpoint: ChatEndpoint): void {
  const { fault } = endpoint
  if (fault === 'never answers') return
  if (isFlood(fault)) {
    flood(res, fault)
    return
  }
  if (fault === 'packed') {
    res.writeHead(200, { 'content-encoding': 'gzip' }).end(packed)
    return
  }
  if (fault === 'cut before') {
    res.destroy()
    return
  }
  if (typeof fault === 'number') {
    const error = { message: `${endpointWords} ${endpointSecret}`, type: 'x', code: 'y' }
    res.writeHead(fault, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    return
  }
  if (fault === 'a redirect') {
    res.writeHead(307, { location: `${endpoint.url}/elsewhere` }).end()
    return
  }
  if (fault === 'another protocol') {
    res.socket?.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n')
    return
  }
  if (fault === 'no stream') {
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<h1>${endpointWords}</h1>`)
    return
  }
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  const [first = '', ...others] = piecesOf(answer)
  res.write(event(chunk({ role: 'assistant', content: first })))
  if (fault === 'stalls') return
  if (fault === 'cut within') {
    setTimeout(() => res.destroy(), 20)
    return
  }
  if (fault === 'no JSON') res.write(`data: {"choices": [${endpointWords}\n\n`)
  if (fault === 'an error within') res.write(event({ error: { message: endpointWords } }))
  if (fault === 'ends early') {
    res.end()
    return
  }
  if (fault === 'refuses') res.write(event(chunk({ refusal: endpointWords })))
  for (const content of others) res.write(event(chunk({ content })))
  res.write(event(chunk({}, (fault && finishes[fault]) ?? 'stop')))
  if (fault === 'never ends') return
  if (endpoint.usage) res.write(event({ ...chunk({}), choices: [], usage: endpoint.usage }))
  res.write('data: [DONE]\n\n')
  if (fault !== 'stays open') res.end()
}

export async function createChatEndpoint(): Promise<ChatEndpoint> {
  const requests: ChatRequest[] = []
  const open = new Set<ServerResponse>()
  let last: Socket | undefined
  let noticed = Promise.withResolvers<void>()

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = JSON.parse(await text(req))
    open.add(res)
    last = req.socket
    res.once('close', () => open.delete(res))
    requests.push({ path: req.url ?? '', headers: req.headers, body })
    noticed.resolve()
    noticed = Promise.withResolvers()
    await endpoint.gate
    send(res, endpoint.text ?? `You said: ${body.messages.at(-1).content}`, endpoint)
  }
  // A client that goes away while it sends has nothing to be told.
  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const endpoint: ChatEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    fault: undefined,
    text: undefined,
    usage,
    taken: () => last?.bytesWritten ?? 0,
    gate: undefined,
    async asked(count) {
      while (requests.length < count) await noticed.promise
    },
    waiting: () => open.size,
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
  return endpoint
}
