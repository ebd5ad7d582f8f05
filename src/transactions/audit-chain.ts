import { createHmac, hkdfSync } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { AuditEvent } from '../generated/prisma/client.ts'

/** The values of an event that its hash covers: all but the hash itself. */
export type HashedValues = Omit<AuditEvent, 'hash'>

/** The key of the audit chains, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). */
export const deriveAuditKey = (secretsKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey audit chain', 32))

type Value = string | bigint | null

/** A sequence may be larger than the numbers of RFC 8785: it has all of its digits, as the smaller ones have. */
const canonical = (value: Value | undefined): string | undefined =>
  typeof value === 'bigint' ? String(value) : canonicalize(value)

/**
 * HMAC-SHA-256, in hex, over the event's values in the canonical form of RFC 8785, the previous
 * hash among them: changing, dropping or swapping any event of the chain changes every later hash.
 */
export function eventHash(auditKey: Uint8Array, values: HashedValues): string {
  const members: Readonly<Record<string, Value>> = { ...values, at: values.at.toISOString() }
  const texts = Object.keys(members)
    .sort()
    .map((name) => `${canonical(name)}:${canonical(members[name])}`)
  return createHmac('sha256', auditKey).update(`{${texts.join()}}`).digest('hex')
}
