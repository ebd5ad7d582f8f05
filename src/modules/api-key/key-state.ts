import { effectiveExpiry, expiryWithoutPolicies } from '../../auth/key-record.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** Whether the key `k` of the workspace `w` is neither revoked nor expired; a disabled key is live. */
export const isLive = Prisma.sql`(k."revokedAt" IS NULL
  AND NOT coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE))`

/** Live and not disabled: it is let in, as far as it itself decides that. */
export const isAccepted = Prisma.sql`(${isLive} AND k."disabledAt" IS NULL)`

/**
 * Neither revoked nor past its own expiry: live, or live again once the lifetime policy is relaxed or
 * the sunset of legacy keys moved.
 */
export const isRevivable = Prisma.sql`(k."revokedAt" IS NULL
  AND coalesce(${expiryWithoutPolicies} > clock_timestamp(), TRUE))`
