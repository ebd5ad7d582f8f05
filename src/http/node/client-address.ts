import { LRUCache } from 'lru-cache'
import { matcherOf, plainAddress } from '../../input/addresses.ts'
import type { ConnectionInfo, RequestState } from '../server-context.ts'

/** Tells `address`, in plain form, and `isForwarded` of a request. */
export type ClientAddress = (peer: ConnectionInfo, headers: Headers) => Partial<RequestState>

/** Entries that are looked at, from the right. */
const maxEntries = 100

/** What proxies write for an address that they name with its port, or an IPv6 one in brackets. */
const withPort = /^(?:(\d+\.\d+\.\d+\.\d+):\d{1,5}|\[([^\]:]*:[^\]]*)\](?::\d{1,5})?)$/

function addressIn(entry: string): string | undefined {
  const [, ipv4, ipv6] = withPort.exec(entry) ?? []
  return plainAddress(ipv4 ?? ipv6 ?? entry)
}

/**
 * Tells where requests come from: the peer's address, unless the peer is a trusted proxy. Then it is
 * the right-most address of X-Forwarded-For that is no trusted proxy's, for what stands left of it
 * anybody may have written; the left-most when all are trusted; the peer's when there is none.
 *
 * An entry that is no address ends the walk, and the address is unknown: no address rule lets such a
 * request in. So it is when the walk would go on beyond the last 100 entries. No other header
 * counts, neither Forwarded (RFC 7239) nor X-Real-IP.
 */
export function clientAddress(trustedProxies: readonly string[]): ClientAddress {
  const isTrusted = matcherOf(trustedProxies)
  // A peer that stays connected is asked about for each request.
  const plainPeers = new LRUCache<string, string>({
    max: 1_000,
    memoMethod: (address) => plainAddress(address) ?? '',
  })

  return ({ address }, headers) => {
    const peer = plainPeers.memo(address ?? '') || undefined
    // Headers joins several of one name with commas, in their order.
    const forwarded = headers.get('x-forwarded-for')?.trim()
    if (!forwarded || !isTrusted(peer)) return { address: peer }
    const entries = forwarded.split(',')
    let client = peer
    for (const entry of entries.slice(-maxEntries).reverse()) {
      client = addressIn(entry.trim())
      if (!isTrusted(client)) return { address: client, isForwarded: true }
    }
    return { address: entries.length > maxEntries ? undefined : client, isForwarded: true }
  }
}
