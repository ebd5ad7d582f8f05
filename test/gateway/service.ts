import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it reached the service. */
export interface Received {
  readonly method: string
  readonly url: string
  /** As they were sent, name and value by turns. */
  readonly headers: readonly string[]
  readonly length: number
  readonly sha256: string
}

/** A service that knows nothing of keys, and answers with what it received. */
export interface Service {
  readonly port: number
  readonly received: readonly Received[]
  /** How many connections there were. */
  connections(): number
  close(): Promise<void>
}

export async function startService(): Promise<Service> {
  const received: Received[] = []
  let connections = 0
  const server = createServer(async (req, res) => {
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of req) {
      length += chunk.length
      hash.update(chunk)
    }
    const { method = '', url = '', rawHeaders: headers } = req
    const request = { method, url, headers, length, sha256: hash.digest('hex') }
    received.push(request)
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(request))
  })
  server.on('connection', () => {
    connections += 1
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    received,
    connections: () => connections,
    close: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}
