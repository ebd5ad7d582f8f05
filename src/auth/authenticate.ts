import { type CredentialReason, unauthenticated } from '../errors.ts'
import { isAllowedAddress } from '../input/addresses.ts'
import type { Caller } from './caller.ts'
import { earliest, type PresentedKey, rightsOf } from './key-record.ts'

/**
 * Rules 1 and 2 of the decision for a known secret, in their order: revoked, expired, rotated,
 * disabled, then the address. Undefined: the credential is good at `now`.
 */
export function refusalOf(
  key: PresentedKey,
  now: Date,
  address: string | undefined,
): CredentialReason | undefined {
  if (key.ownerRemoved) return 'OWNER_REMOVED'
  if (key.revokedAt !== null) return 'REVOKED'
  if (key.ownerRemovedAt !== null) return 'OWNER_REMOVED'
  if (key.effectiveExpiresAt !== null && now >= key.effectiveExpiresAt) return 'EXPIRED'
  if (key.secretEndsAt !== null && now >= key.secretEndsAt) return 'ROTATED'
  if (key.disabledAt !== null) return 'DISABLED'
  if (key.allowedIps.length > 0 && !isAllowedAddress(address, key.allowedIps))
    return 'IP_NOT_ALLOWED'
  return undefined
}

/** The caller that a key makes, as of the epoch it was read with. Its state must have been checked. */
export const callerOf = (key: PresentedKey, hash: Uint8Array<ArrayBuffer>): Caller => ({
  kind: 'API_KEY',
  workspaceId: key.workspaceId,
  epoch: key.epoch,
  user: {
    id: key.ownerId,
    memberId: key.ownerMemberId,
    kind: key.ownerKind,
    name: key.ownerName,
    email: key.ownerEmail,
    role: key.ownerRole,
  },
  key: {
    id: key.id,
    name: key.name,
    allSpaces: key.allSpaces,
    expiresAt: key.expiresAt,
    requestsPerMinute: key.requestsPerMinute,
    allowedIps: key.allowedIps,
  },
  validUntil: earliest(key.effectiveExpiresAt, key.secretEndsAt),
  credentialHash: hash,
  rights: rightsOf(key),
})

/** @throws RequestError UNAUTHENTICATED with the rule that refuses, if one does. */
export function assertAccepted(key: PresentedKey, now: Date, address: string | undefined): void {
  const reason = refusalOf(key, now, address)
  if (reason !== undefined) throw unauthenticated(reason)
}
