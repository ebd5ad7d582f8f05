import type { Caller } from '../../auth/caller.ts'
import { keyGrantor, rejectionReason, tokenCallerOf } from '../../auth/credential-state.ts'
import { delegationErrors, type Grantor, type KeySettings } from '../../auth/delegation.ts'
import { findMembers, memberGrantor } from '../../auth/human-record.ts'
import { findKeyRecords } from '../../auth/key-record.ts'
import { findTokens } from '../../auth/token-record.ts'
import { userError } from '../../errors.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { formatKeyList, type ListedKey } from './format-key-list.ts'
import type { Receiver } from './receiver.ts'

/** A live secret with who was given it, and by what they hold their own credential now. */
interface GivenSecret extends Pick<Receiver, 'receiverKeyId' | 'receiverTokenId'> {
  readonly keyId: string
  readonly receiverId: string
  /** The live token of the receiving token's family; null: there is none. */
  readonly tokenId: string | null
  /** Of the receiving key, the secret that its holder has now; null: none. */
  readonly secretId: string | null
  readonly replacedAt: Date | null
  readonly isLegacySecret: boolean
}

/**
 * The live secrets of the keys that the operator did not give, with their receivers. Who was given one
 * by a key holds that key still where the secret that they began with lives, or one that the key has
 * rotated itself to.
 */
const findGivenSecrets = (
  { db, workspace, now }: WorkspaceTransaction,
  keyIds: readonly string[],
): Promise<GivenSecret[]> => db.$queryRaw<GivenSecret[]>`
  SELECT DISTINCT s."keyId", s."receiverId", s."receiverKeyId", s."receiverTokenId",
         t.id AS "tokenId", h.id AS "secretId", h."endsAt" AS "replacedAt",
         coalesce(h.legacy, FALSE) AS "isLegacySecret"
    FROM "ApiKeySecret" s
    LEFT JOIN LATERAL (
      SELECT h.id, h."endsAt", h.legacy FROM "ApiKeySecret" h
       WHERE h."workspaceId" = s."workspaceId" AND h."keyId" = s."receiverKeyId"
         AND coalesce(h."originId", h.id) = s."receiverSecretId"
         AND coalesce(h."endsAt" > ${now}, TRUE)
       ORDER BY h."endsAt" DESC NULLS FIRST LIMIT 1) h ON TRUE
    LEFT JOIN LATERAL (
      SELECT t.id FROM "AccessToken" r
        JOIN "AccessToken" t ON t."workspaceId" = r."workspaceId" AND t."familyId" = r."familyId"
       WHERE r."workspaceId" = s."workspaceId" AND r.id = s."receiverTokenId"
         AND t."rotatedAt" IS NULL AND t."revokedAt" IS NULL LIMIT 1) t ON TRUE
   WHERE s."workspaceId" = ${workspace.id} AND s."keyId" = ANY(${keyIds}::text[])
     AND coalesce(s."endsAt" > ${now}, TRUE) AND s."receiverId" IS NOT NULL`

const byId = <T>(rows: readonly T[], idOf: (row: T) => string): ReadonlyMap<string, T> =>
  new Map(rows.map((row) => [idOf(row), row]))

const distinct = (ids: readonly (string | null)[]): string[] => [
  ...new Set(ids.filter((id) => id !== null)),
]

/** What each receiver of these secrets may grant now; undefined: nothing, for they hold nothing. */
async function grantorsOf(
  { db, workspace, now }: WorkspaceTransaction,
  secrets: readonly GivenSecret[],
): Promise<(Grantor | undefined)[]> {
  const ids = <T>(of: (secret: GivenSecret) => T) => secrets.map(of)
  const signedIn = secrets.filter(({ receiverKeyId }) => receiverKeyId === null)
  const members = byId(
    await findMembers(db, workspace.id, distinct(signedIn.map(({ receiverId }) => receiverId))),
    ({ userId }) => userId,
  )
  const keys = byId(
    await findKeyRecords(db, workspace.id, distinct(ids((it) => it.receiverKeyId))),
    ({ id }) => id,
  )
  const tokens = byId(
    await findTokens(db, workspace.id, distinct(ids((it) => it.tokenId))),
    ({ tokenId }) => tokenId,
  )
  // Where they would ask from is not known, and is no right of theirs.
  const holds = (credential: Parameters<typeof rejectionReason>[0]): boolean =>
    rejectionReason({ ...credential, allowedIps: [] }, now, undefined) === undefined

  return secrets.map(({ receiverId, receiverKeyId, receiverTokenId, ...its }) => {
    if (receiverKeyId === null) {
      const member = members.get(receiverId)
      return member && memberGrantor(member)
    }
    if (receiverTokenId !== null) {
      const token = its.tokenId === null ? undefined : tokens.get(its.tokenId)
      return token !== undefined && holds(token) ? tokenCallerOf(token) : undefined
    }
    const record = keys.get(receiverKeyId)
    if (record === undefined || (its.secretId === null && !record.userLevel)) return undefined
    const { secretId, replacedAt } = its
    const isLegacySecret = its.isLegacySecret || record.userLevel
    const key = {
      ...record,
      secretId,
      originId: null,
      replacedAt,
      isLegacySecret,
      isFirstUse: false,
    }
    return holds(key) ? keyGrantor(key) : undefined
  })
}

/** A key, and what it is to be. */
interface WidenedKey {
  readonly id: string
  readonly terms: KeySettings
}

/**
 * Those of the keys that, as they are to be, are more than somebody may grant who has been given a
 * secret of theirs that lives: with their rights of now, which are none once they are revoked, expired,
 * disabled or removed. Otherwise who narrows a key until they may have its secret would get it whole
 * when it is repaired.
 */
export async function findBeyondReceivers(
  c: WorkspaceTransaction,
  keys: readonly WidenedKey[],
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set()
  const terms = new Map(keys.map((key) => [key.id, key.terms]))
  const secrets = await findGivenSecrets(c, [...terms.keys()])
  const grantors = await grantorsOf(c, secrets)
  const beyond = secrets.filter(({ keyId }, index) => {
    const [its, grantor] = [terms.get(keyId), grantors[index]]
    return its !== undefined && (grantor === undefined || delegationErrors(grantor, its).length > 0)
  })
  return new Set(beyond.map(({ keyId }) => keyId))
}

// Who the receivers are, and what they hold, is in no message.

/** What a message says of several such keys. */
export const beyondReceivers = (caller: Caller, keys: readonly ListedKey[]): string =>
  `Secrets of API keys were given to somebody who may not be given so much${formatKeyList(caller, keys)} Rotate them first, migrate legacy ones, revoke those that have expired, and try again once their old secrets have ended.`

/**
 * @param refusal where the input is at fault, and what to do about it
 * @throws UserInputError PERMISSION_NOT_GRANTABLE where the key is one of those
 */
export async function assertReceiversMayHold(
  c: WorkspaceTransaction,
  id: string,
  terms: KeySettings,
  refusal: { readonly path: readonly string[]; readonly advice: string } = {
    path: ['input', 'id'],
    advice:
      'Rotate it first, or migrate a legacy key, and try again once the old secret has ended.',
  },
): Promise<void> {
  if ((await findBeyondReceivers(c, [{ id, terms }])).size > 0)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      refusal.path,
      `A secret of this key was given to somebody who may not be given so much. ${refusal.advice}`,
    )
}
