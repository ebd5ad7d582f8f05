import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { noting } from './read-input.ts'
import { isSeveral, shown } from './shown.ts'

type Block = [ipaddr.IPv4 | ipaddr.IPv6, number]

export const maxBlocks = 50

/** The deprecated IPv4-compatible form (RFC 4291, 2.5.5.1): ipaddr.js takes it for the IPv4 address. */
const ipv4Compatible = /^::[^:]*\./

/** ipaddr.js takes other spellings of an IPv4 part, which other readers take for another address. */
const hasPlainIpv4Part = (text: string): boolean =>
  !text.includes('.') || ipaddr.IPv4.isValidFourPartDecimal(text.slice(text.lastIndexOf(':') + 1))

/** The address in its plain form (an IPv4-mapped one as IPv4), or undefined when it is none. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipv4Compatible.test(text) || !hasPlainIpv4Part(text)) return undefined
  return ipaddr.IPv4.isValidFourPartDecimal(text) ||
    (text.includes(':') && ipaddr.IPv6.isValid(text))
    ? ipaddr.process(text)
    : undefined
}

/** With the interface that leads to it (RFC 4007), a name that only the machine itself knows. */
const zoned = /^([^%:]*:[^%]*)%[\w.-]+$/

/** The address in the one spelling that is stored and compared, without its zone, or undefined. */
export const plainAddress = (text: string): string | undefined =>
  parseAddress(text.replace(zoned, '$1'))?.toString()

function parseBlock(text: string): Block | undefined {
  const [base = '', length, ...rest] = text.split('/')
  const address = parseAddress(base)
  if (address === undefined || rest.length > 0 || text.includes('%')) return undefined
  const bits = address.kind() === 'ipv4' ? 32 : 128
  if (length === undefined) return [address, bits]
  if (!/^\d{1,3}$/.test(length)) return undefined
  const mapped = base.includes(':') && bits === 32
  const prefix = Number(length) - (mapped ? 96 : 0)
  return prefix < 0 || prefix > bits ? undefined : [address, prefix]
}

const within = (address: ipaddr.IPv4 | ipaddr.IPv6, [base, prefix]: Block): boolean =>
  address.kind() === base.kind() && address.match(base, prefix)

const networkOf = ([base, prefix]: Block): string =>
  base.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(`${base}/${prefix}`).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${base}/${prefix}`).toString()

/** Whoever has one address of it has all of it: an IPv6 customer is given a /64 at least (RFC 6177). */
const ipv6SourceBits = 64

/**
 * By what an address in plain form is counted: itself, or the /64 block that it lies in. Behind the
 * one well-known block of NAT64 (RFC 6052) are IPv4 addresses, each its own.
 */
export function sourceOf(address: string): string {
  const parsed = parseAddress(address)
  if (parsed === undefined || parsed.kind() === 'ipv4' || parsed.range() === 'rfc6052')
    return address
  return `${networkOf([parsed, ipv6SourceBits])}/${ipv6SourceBits}`
}

/** Tells of addresses whether they lie in one of the blocks. An unknown address lies in none. */
export function matcherOf(blocks: readonly string[]): (address: string | undefined) => boolean {
  const parsedBlocks = blocks.map(parseBlock).filter((block) => block !== undefined)
  return (address) => {
    const parsed = address === undefined ? undefined : parseAddress(address)
    return parsed !== undefined && parsedBlocks.some((block) => within(parsed, block))
  }
}

/** Whether the address lies in one of the blocks. An unknown address lies in none. */
export const isAllowedAddress = (address: string | undefined, blocks: readonly string[]): boolean =>
  matcherOf(blocks)(address)

/** Whether every address of `inner` lies inside one block of `outer`. */
export function isInsideBlocks(inner: string, outer: readonly string[]): boolean {
  const block = parseBlock(inner)
  if (block === undefined) return false
  return outer.some((text) => {
    const around = parseBlock(text)
    return around !== undefined && block[1] >= around[1] && within(block[0], around)
  })
}

/** What is wrong with a text that is not one address, or block: what was read. */
export const addressProblem = (text: string, expected = 'IP address'): string =>
  isSeveral(text, (part) => parseBlock(part) !== undefined)
    ? `${JSON.stringify(text)} is several addresses; name each by itself.`
    : `${shown(text)} is no ${expected}.`

/** Where NAT64 has the IPv4 addresses (RFC 6052), and what IPv6 gives to anybody at all (RFC 4291). */
const isTranslated = matcherOf(['64:ff9b::/96'])
const isGlobalUnicast = matcherOf(['0.0.0.0/0', '2000::/3'])
/** By which Azure's hosts manage their guests: public by its number alone. */
const isAzureHost = matcherOf(['168.63.129.16'])

/**
 * Whether the address is one of the public internet's: not private, shared, loopback, link-local, of
 * documentation or multicast, nor one that leads to such an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = parseAddress(address)
  if (parsed === undefined) return false
  if (isTranslated(address)) return isPublicAddress(parsed.toByteArray().slice(-4).join('.'))
  return parsed.range() === 'unicast' && isGlobalUnicast(address) && !isAzureHost(address)
}

/**
 * An address or CIDR block in plain form, or what is wrong with it. A block with bits set beyond its
 * length is refused: it was meant to be another one.
 */
export function plainBlock(text: string): { readonly plain: string } | { readonly wrong: string } {
  const block = parseBlock(text)
  if (block === undefined) return { wrong: addressProblem(text, 'IP address or CIDR block') }
  const [base, length] = block
  const network = networkOf(block)
  const plain = base.toString()
  if (network !== plain)
    return {
      wrong: `This block has bits set beyond its length; its network is ${network}/${length}.`,
    }
  return { plain: length === (base.kind() === 'ipv4' ? 32 : 128) ? plain : `${plain}/${length}` }
}

/**
 * A list of addresses and CIDR blocks in plain form, at most 50. An empty list would allow nobody
 * and is refused.
 */
export const addressList = z
  .array(z.string())
  .check(
    noting((texts, note) => {
      if (texts.length === 0) note('An empty list would allow no address; null allows any.')
      if (texts.length > maxBlocks) note(`At most ${maxBlocks} addresses and blocks are possible.`)
      for (const [index, text] of texts.slice(0, maxBlocks).entries()) {
        const block = plainBlock(text)
        if ('plain' in block) texts[index] = block.plain
        else note(block.wrong, index)
      }
    }),
  )
  .overwrite((blocks) => [...new Set(blocks)])
