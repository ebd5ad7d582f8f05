import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server, that can be cut as if the server had died. */
export interface TcpProxy {
  /** The URL of the server, by way of this. */
  readonly url: string
  /** How many connections there are. */
  connections(): number
  /** Resets every connection, and refuses new ones until `mend`. */
  cut(): void
  /** Leaves every connection open and passes nothing on until `mend`, as a server that hangs. */
  hang(): void
  mend(): void
  close(): Promise<void>
}

/** What is done to the pieces that pass. */
export interface OnTheWay {
  /** Told of what a client sends. */
  readonly asked?: (piece: Buffer) => void
  /** May change what the server sends; null: the connection is cut instead. */
  readonly answered?: (piece: Buffer) => Buffer | null
}

export async function tcpProxy(
  serverUrl: string,
  { asked = () => undefined, answered = (piece) => piece }: OnTheWay = {},
): Promise<TcpProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'hung' = 'open'

  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect(Number(target.port || 5432), target.hostname)
    near.on('data', (piece) => {
      asked(piece)
      far.write(piece)
    })
    far.on('data', (piece) => {
      const passed = answered(piece)
      if (passed === null) near.resetAndDestroy()
      else near.write(passed)
    })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      if (state === 'hung') socket.pause()
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)

  return {
    url: url.href,
    connections: () => sockets.size / 2,
    cut: () => {
      state = 'cut'
      for (const socket of sockets) socket.resetAndDestroy()
    },
    hang: () => {
      state = 'hung'
      for (const socket of sockets) socket.pause()
    },
    mend: () => {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}
