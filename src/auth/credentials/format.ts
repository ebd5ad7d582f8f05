import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const randomLength = 43
const checksumLength = 6
const shape = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*_[0-9A-Za-z]{49}$/
/** Nothing longer is a key: a prefix has at most 20 characters. */
const maxLength = 20 + 1 + randomLength + checksumLength

function base62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n)
    text = alphabet.charAt(Number(rest % 62n)) + text
  return text
}

const checksum = (body: string): string => base62(BigInt(crc32(body)), checksumLength)

/**
 * A new API key: prefix, `_`, 256 random bits and the CRC-32 (IEEE) of all before it, both in
 * base62. A secret scanner finds it, a double click selects it, and a mistyped one is refused
 * without a look-up.
 */
export function createApiKeySecret(prefix: string): string {
  const random = BigInt(`0x${randomBytes(32).toString('hex')}`)
  const body = `${prefix}_${base62(random, randomLength)}`
  return body + checksum(body)
}

/** Whether it has the shape and checksum of an API key of any prefix. Nothing else has been verified. */
export const isApiKey = (secret: string): boolean =>
  secret.length <= maxLength &&
  shape.test(secret) &&
  secret.endsWith(checksum(secret.slice(0, -checksumLength)))

/** What may be shown of a secret: its prefix and first four characters, and its last four. */
export const shownParts = (secret: string): { start: string; last4: string } => ({
  start: secret.slice(0, secret.lastIndexOf('_') + 5),
  last4: secret.slice(-4),
})

/** The prefix of an API key. */
export const prefixOf = (apiKey: string): string => apiKey.slice(0, apiKey.lastIndexOf('_'))
