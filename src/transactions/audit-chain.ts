import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type AuditEvent, Prisma } from '../generated/prisma/client.ts'

/** The values of an event that its hash covers: all but the hash itself. */
export type HashedValues = Omit<AuditEvent, 'hash'>

/**
 * The key of the audit chains, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). As a key object it is
 * read once: to read it anew for each event takes longer than all else.
 */
export const deriveAuditKey = (secretsKey: string): KeyObject =>
  createSecretKey(new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey audit chain', 32)))

/** The members of the canonical form, in its order. */
const members = Object.keys(Prisma.AuditEventScalarFieldEnum)
  .filter((name): name is keyof HashedValues => name !== 'hash')
  .sort()
  .map((name) => ({ name, key: `${canonicalize(name)}:` }))

/** A sequence may be larger than the numbers of RFC 8785: it has all of its digits, as the smaller ones have. */
const canonical = (value: HashedValues[keyof HashedValues]): string | undefined =>
  typeof value === 'bigint' ? String(value) : canonicalize(value)

/**
 * HMAC-SHA-256, in hex, over the event's values in the canonical form of RFC 8785, the previous
 * hash among them: changing, dropping or swapping any event of the chain changes every later hash.
 */
export function eventHash(auditKey: KeyObject, values: HashedValues): string {
  const texts = members.map(({ name, key }) => key + canonical(values[name]))
  return createHmac('sha256', auditKey).update(`{${texts.join()}}`).digest('hex')
}
