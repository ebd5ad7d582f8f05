import type { LookupAddress } from 'node:dns'
import { lookup as lookUp, Resolver } from 'node:dns/promises'
import { Agent as HttpAgent, type IncomingMessage, type ProxyEnv, request } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from '../../input/addresses.ts'
import { abortable } from '../../timeout.ts'

/** The outcome of one attempt. */
export interface Attempt {
  /** The HTTP status of the answer; null: there was none. */
  readonly status: number | null
  /** Why it failed, safe to show; null: it was delivered. */
  readonly error: string | null
}

/** A signed message. */
export interface Message {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Posts a message once. It does not throw: the error says nothing of the answer's text. */
export type Post = (message: Message, signal: AbortSignal) => Promise<Attempt>

/** What webhooks are sent by. */
export interface WebhookSender {
  readonly post: Post
  /** Whether endpoints may have addresses of this network. */
  readonly allowPrivate: boolean
  /** Of the signing secrets as they are stored; derived from SECRETS_KEY. */
  readonly encryptionKey: Uint8Array
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

export interface PostOptions {
  /** Whether messages go to addresses of this network, and by http. */
  readonly allowPrivate: boolean
  readonly proxy?: ProxyEnv | undefined
  /** By default the name servers are asked, and with `allowPrivate` the system, as for any other host. */
  readonly resolve?: Resolve | undefined
  /** From the look-up of the name to the status of the answer. */
  readonly timeoutMs?: number | undefined
}

/** Where a message is not sent; the text is safe to show. */
class RefusedUrlError extends Error {
  override readonly name = 'RefusedUrlError'
}

const notPublic = 'The host has an address that is not public.'

/**
 * Asks the name servers. The system's look-up has few threads, which names that are slow to be found
 * would keep from all others.
 */
function askNameServers(): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  return async (hostname) => {
    const [ipv4, ipv6] = await Promise.allSettled([
      resolver.resolve4(hostname),
      resolver.resolve6(hostname),
    ])
    if (ipv4.status === 'rejected' && ipv6.status === 'rejected') throw ipv4.reason
    const found = (those: PromiseSettledResult<string[]>, family: number): LookupAddress[] =>
      those.status === 'rejected' ? [] : those.value.map((address) => ({ address, family }))
    return [...found(ipv4, 4), ...found(ipv6, 6)]
  }
}

const askSystem: Resolve = (hostname) => lookUp(hostname, { all: true })

/** The host of a URL as addresses are written elsewhere. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

/** Whether the URL names an address, in whatever spelling, that is not public. */
export const namesPrivateAddress = (url: URL): boolean =>
  isIP(hostOf(url)) > 0 && !isPublicAddress(hostOf(url))

function errorOf(error: unknown): string {
  if (error instanceof RefusedUrlError) return error.message
  const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
  return `The endpoint could not be reached${code}.`
}

function attemptOf(status: number): Attempt {
  if (status >= 200 && status < 300) return { status, error: null }
  const why = status >= 300 && status < 400 ? ': redirects are not followed' : ''
  return { status, error: `The endpoint answered HTTP ${status}${why}.` }
}

/**
 * The connection goes to the very addresses that were checked: the name is not looked up again. Through
 * a proxy it is the proxy that looks the name up, and only addresses in the URL are checked here. Nothing
 * is followed, and of the answer nothing but its status is read.
 */
export function createPost({
  allowPrivate,
  proxy,
  resolve = allowPrivate ? askSystem : askNameServers(),
  timeoutMs = 10_000,
}: PostOptions): Post {
  // By its timeout the connection to a proxy that does not answer is closed.
  const agentOptions = { proxyEnv: proxy, keepAlive: false, timeout: timeoutMs }
  const agents = {
    'http:': new HttpAgent(agentOptions),
    'https:': new HttpsAgent(agentOptions),
  }
  const resolveChecked = async (hostname: string): Promise<readonly LookupAddress[]> => {
    const addresses = await resolve(hostname)
    // A name that is another one's alias may have none, which net.connect would not survive.
    if (addresses.length === 0) throw new RefusedUrlError('The host has no address.')
    if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address)))
      throw new RefusedUrlError(notPublic)
    return addresses
  }
  const lookup: LookupFunction = (hostname, { all }, done) => {
    resolveChecked(hostname).then(
      (addresses) => {
        const [first = { address: '', family: 0 }] = addresses
        if (all) done(null, [...addresses])
        else done(null, first.address, first.family)
      },
      (error: Error) => done(error, ''),
    )
  }
  const send = async ({ url: text, headers, body }: Message, signal: AbortSignal) => {
    const url = new URL(text)
    const isHttps = url.protocol === 'https:'
    if (!allowPrivate && !isHttps) throw new RefusedUrlError('The URL is not https.')
    if (!allowPrivate && namesPrivateAddress(url)) throw new RefusedUrlError(notPublic)
    const options = {
      method: 'POST',
      agent: agents[isHttps ? 'https:' : 'http:'],
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      lookup,
      signal,
    }
    const outgoing = (isHttps ? requestHttps : request)(url, options)
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve).on('error', reject)
      // What switches to another protocol is closed without a word.
      outgoing.once('close', () => reject(new Error('closed without an answer')))
      outgoing.end(body)
    })
    // Until a proxy has let it through, a request does not end with its signal.
    const response = await abortable(answer, signal)
    response.destroy()
    return attemptOf(response.statusCode ?? 0)
  }
  return async (message, signal) => {
    const late = AbortSignal.timeout(timeoutMs)
    try {
      return await send(message, AbortSignal.any([signal, late]))
    } catch (error) {
      const tooLate = `There was no answer within ${timeoutMs / 1_000} s.`
      return { status: null, error: late.aborted ? tooLate : errorOf(error) }
    }
  }
}
