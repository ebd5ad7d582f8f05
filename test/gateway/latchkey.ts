import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { listen } from '../../src/http/node/server.ts'
import { handlerOf } from '../http/listening.ts'
import type { World } from '../setup/world.ts'

/** A request as Latchkey got it. */
export interface Question {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
}

/** The application of a world on a port, as a gateway meets it. */
export interface Latchkey {
  readonly port: number
  readonly questions: readonly Question[]
  /** How many connections there were. */
  connections(): number
  /** Answers with this from now on; undefined: by itself. */
  pretend(answer: (() => Promise<Response>) | undefined): void
  stop(): Promise<void>
  /** Listens again, where it did before. */
  start(): Promise<void>
}

export async function serveLatchkey({ app, deps }: World): Promise<Latchkey> {
  const questions: Question[] = []
  let pretended: (() => Promise<Response>) | undefined
  const fetch: World['app']['fetch'] = (request, peer) => {
    const { pathname, search } = new URL(request.url)
    const headers = Object.fromEntries(request.headers)
    questions.push({ method: request.method, target: pathname + search, headers })
    return pretended ? pretended() : app.fetch(request, peer)
  }
  const listenAt = (port: number) =>
    listen(handlerOf(fetch), {
      host: '127.0.0.1',
      port,
      maxBodyBytes: 1_048_576,
      maxUploadBytes: 1_048_576,
      logger: deps.logger,
    })
  let listener = await listenAt(0)
  const { port } = listener

  let connections = 0
  const count = (message: unknown): void => {
    if ((message as { socket: Socket }).socket.localPort === port) connections += 1
  }
  subscribe('net.server.socket', count)

  return {
    port,
    questions,
    connections: () => connections,
    pretend: (answer) => {
      pretended = answer
    },
    stop: async () => {
      unsubscribe('net.server.socket', count)
      await listener.close(0)
    },
    start: async () => {
      subscribe('net.server.socket', count)
      listener = await listenAt(port)
    },
  }
}
