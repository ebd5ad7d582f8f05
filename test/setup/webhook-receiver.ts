import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

/** A delivery as it came, whose signature was right. */
export interface Received {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A server that takes webhooks and verifies them by the library of Standard Webhooks. */
export interface Receiver {
  readonly url: string
  /** What was delivered, in the order in which it came. */
  readonly received: readonly Received[]
  /** How many requests there were, refused ones included. */
  requests: number
  /** What verifies requests; empty: they are only counted. */
  secret: string
  /** How it answers; 204 by default. A promise keeps the answer back. */
  answer: (request: IncomingMessage, response: ServerResponse) => unknown
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    receiver.requests += 1
    const body = await text(request)
    const headers = request.headers as Record<string, string>
    if (receiver.secret !== '') {
      const event = new Webhook(receiver.secret).verify(body, headers) as Omit<Received, 'id'>
      received.push({ id: headers['webhook-id'] ?? '', ...event })
    }
    await receiver.answer(request, response)
    if (!response.writableEnded) response.writeHead(204).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    requests: 0,
    secret: '',
    answer: () => undefined,
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
  return receiver
}
