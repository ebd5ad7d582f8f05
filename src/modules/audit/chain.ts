import { createHmac, hkdfSync } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { AuditEvent } from '../../generated/prisma/client.ts'

/** The values of an event that its hash covers: all but the hash itself. */
export type HashedValues = Omit<AuditEvent, 'hash'>

/** The key of the audit chains, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). */
export const deriveAuditKey = (secretsKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey audit chain', 32))

/**
 * HMAC-SHA-256, in hex, over the event's values in the canonical form of RFC 8785, the previous
 * hash among them: changing, dropping or swapping any event of the chain changes every later hash.
 */
export function eventHash(auditKey: Uint8Array, values: HashedValues): string {
  const text = canonicalize({ ...values, at: values.at.toISOString() })
  return createHmac('sha256', auditKey).update(String(text)).digest('hex')
}
