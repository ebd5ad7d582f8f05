import { type CredentialReason, unauthenticated } from '../errors.ts'
import { isAllowedAddress } from '../input/addresses.ts'
import type { CallerUser, KeyCaller, KeyConstraints, TokenCaller } from './caller.ts'
import {
  earliest,
  type KeyRecord,
  type Presented,
  type PresentedKey,
  planOf,
  rightsOf,
  type WorkspaceSize,
} from './key-record.ts'
import { noRights } from './policy.ts'
import { type PresentedToken, tokenRightsOf } from './token-record.ts'

/** A known credential of the kinds that a key stands behind. */
export type PresentedCredential = PresentedKey | PresentedToken

/** As much of one as its state is decided by: also of a key that is not presented by a secret. */
export type KnownCredential = Presented | PresentedToken

export const isToken = (credential: KnownCredential): credential is PresentedToken =>
  'tokenId' in credential

const isOver = (end: Date | null, now: Date): boolean => end !== null && now >= end

/** One of rules 1 and 2 of the decision: the reason by which it refuses, or undefined. */
export interface CredentialRule {
  readonly name: 'status' | 'expiry' | 'rotation' | 'enabled' | 'ip'
  readonly refusal: (
    credential: KnownCredential,
    now: Date,
    address: string | undefined,
  ) => CredentialReason | undefined
}

/** In their order. A token is held to its key's state and rules besides its own. */
export const credentialRules: readonly CredentialRule[] = [
  {
    name: 'status',
    refusal(credential) {
      if (credential.ownerRemoved) return 'OWNER_REMOVED'
      const isRevoked = isToken(credential) && credential.tokenRevokedAt !== null
      if (isRevoked || credential.revokedAt !== null) return 'REVOKED'
      return credential.ownerRemovedAt === null ? undefined : 'OWNER_REMOVED'
    },
  },
  {
    name: 'expiry',
    refusal: (credential, now) => (isOver(expiryOf(credential), now) ? 'EXPIRED' : undefined),
  },
  {
    name: 'rotation',
    refusal: ({ replacedAt }, now) => (isOver(replacedAt, now) ? 'ROTATED' : undefined),
  },
  {
    name: 'enabled',
    refusal: ({ disabledAt }) => (disabledAt === null ? undefined : 'DISABLED'),
  },
  {
    name: 'ip',
    refusal: ({ allowedIps }, _now, address) =>
      allowedIps.length === 0 || isAllowedAddress(address, allowedIps)
        ? undefined
        : 'IP_NOT_ALLOWED',
  },
]

/** When the credential ends by itself, a token no later than its key; null: it does not. */
export const expiryOf = (credential: KnownCredential): Date | null =>
  isToken(credential)
    ? earliest(credential.effectiveExpiresAt, credential.tokenExpiresAt)
    : credential.effectiveExpiresAt

/**
 * The first of rules 1 and 2 of the decision that refuses a known credential. Undefined: it is good
 * at `now`.
 */
export function rejectionReason(
  credential: KnownCredential,
  now: Date,
  address: string | undefined,
): CredentialReason | undefined {
  for (const { refusal } of credentialRules) {
    const reason = refusal(credential, now, address)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** @throws RequestError UNAUTHENTICATED with the rule that refuses, if one does. */
export function assertUsable(
  credential: PresentedCredential,
  now: Date,
  address: string | undefined,
): void {
  const reason = rejectionReason(credential, now, address)
  if (reason !== undefined) throw unauthenticated(reason)
}

const ofKey = (record: Presented & WorkspaceSize) => ({
  workspaceId: record.workspaceId,
  epoch: record.epoch,
  key: { id: record.id, name: record.name },
  plan: planOf(record),
  liveSpaces: record.liveSpaces,
})

const ownerOfKey = (record: KeyRecord): CallerUser => ({
  id: record.ownerId,
  memberId: record.ownerMemberId,
  kind: record.ownerKind,
  name: record.ownerName,
  email: record.ownerEmail,
  role: record.ownerRole,
})

/** @param secretId of the secret behind the credential, where that is being replaced; else null */
const boundsOf = (
  { requestsPerMinute, allowedIps, endsWithSecretId }: KeyRecord,
  expiresAt: Date | null,
  secretId: string | null,
): KeyConstraints => ({
  expiresAt,
  requestsPerMinute,
  allowedIps,
  endsWith: [endsWithSecretId, secretId].filter((id) => id !== null),
})

const sunsetOf = ({ isLegacySecret, legacyKeySunsetAt }: PresentedKey): Date | null =>
  isLegacySecret ? legacyKeySunsetAt : null

/**
 * What a key may grant. What is made with a secret that is being replaced ends with that secret, and
 * with one issued elsewhere by the sunset.
 */
export const keyGrantor = (key: PresentedKey) => ({
  kind: 'API_KEY' as const,
  user: ownerOfKey(key),
  allSpaces: key.allSpaces,
  bounds: boundsOf(
    key,
    earliest(earliest(key.expiresAt, key.replacedAt), sunsetOf(key)),
    key.replacedAt && key.secretId,
  ),
  rights: rightsOf(key),
})

/** The caller that a key makes, as of the epoch it was read with. Its state must have been checked. */
export function keyCallerOf(
  key: PresentedKey & WorkspaceSize,
  hash: Uint8Array<ArrayBuffer>,
): KeyCaller {
  const validUntil = earliest(key.effectiveExpiresAt, key.replacedAt)
  return {
    ...keyGrantor(key),
    ...ofKey(key),
    validUntil,
    credentialHash: hash,
    secretId: key.secretId,
    originId: key.originId,
    deprecation: key.isLegacySecret ? { since: key.createdAt, sunset: validUntil } : null,
    isUserLevel: key.userLevel,
  }
}

/** The caller that a token makes; one that has been replaced makes a caller without any rights. */
export function tokenCallerOf(token: PresentedToken): TokenCaller {
  const isRotated = token.replacedAt !== null
  return {
    kind: 'ACCESS_TOKEN',
    ...ofKey(token),
    user: ownerOfKey(token),
    tokenId: token.tokenId,
    isRotated,
    allSpaces: token.allSpaces && token.tokenSnapshot.allSpaces,
    bounds: boundsOf(
      token,
      earliest(token.expiresAt, token.tokenExpiresAt),
      token.tokenSecretEndsAt && token.tokenSecretId,
    ),
    validUntil: expiryOf(token),
    rights: isRotated ? noRights : tokenRightsOf(token, token.tokenSnapshot),
  }
}
