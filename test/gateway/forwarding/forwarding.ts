import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { parse } from 'yaml'
import { openBackend, withClose } from '../backend.ts'
import { blocksOf } from '../page.ts'

/** What a gateway on another machine puts behind the client's address, its own. */
export const ownAddress = '172.19.0.3'

/** Latchkey as it is set behind such a gateway, which connects from this machine. */
export const startForwarding = () =>
  withClose((later) => openBackend(later, { trustedProxies: ['127.0.0.1', ownAddress] }))

/** The YAML of docs/gateway.md that is for this file. */
export async function documented(file: string): Promise<any> {
  const blocks = await blocksOf('gateway.md', 'yaml')
  return parse(blocks.find((block) => block.startsWith(`# ${file}\n`)) ?? '')
}

export type Headers = Readonly<Record<string, string>>

/** The header of a request, of which a gateway looks at the names in lower case. */
export interface Head {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  /** Where it comes from. */
  readonly from: string
}

/** Sends a request over a socket, and gives its status and headers. */
export async function send(port: number, { method, path, headers }: Omit<Head, 'from'>) {
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  answer.resume()
  return { status: answer.statusCode ?? 0, headers: answer.headers as Headers }
}

/** Those of the headers that have one of the names. */
export const pick = (headers: Headers, names: readonly string[]): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)))

/** Those of the headers that have none of the names. */
export const omit = (headers: Headers, names: readonly string[]): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))

/** What a client may try: names that the service or Latchkey would believe. */
export const forged: Headers = {
  'latchkey-verifier': 'forged',
  'latchkey-verdict': 'forged',
  'latchkey-key-id': 'forged',
  'latchkey-owner-id': 'forged',
  'latchkey-workspace-id': 'forged',
  'latchkey-permissions': 'agents:update',
  'x-forwarded-for': '203.0.113.9',
  'x-http-method-override': 'DELETE',
  'x-original-url': '/admin',
}
