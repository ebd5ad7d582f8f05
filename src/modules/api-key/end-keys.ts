import { type Caller, isKeyItself } from '../../auth/caller.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { holds } from '../../auth/policy.ts'
import type { Change } from '../../db/change.ts'
import { forbidden } from '../../errors.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import { isWithinKeyRole } from './key-to-change.ts'

/** By whom keys are revoked, and why. */
export interface Revocation {
  /** Null: the operator. */
  readonly revokedById: string | null
  readonly reason: string | null
}

/** Revokes keys of the workspace that are not revoked yet, for good, and their tokens with them. */
export async function endKeys(
  c: Change,
  keys: readonly { readonly id: string; readonly name: string }[],
  { revokedById, reason }: Revocation,
): Promise<void> {
  const ids = keys.map(({ id }) => id)
  await c.db.apiKey.updateMany({
    where: { workspaceId: c.workspace.id, id: { in: ids } },
    data: {
      revokedAt: c.now,
      revokedById,
      revocationReason: reason,
      nameKey: null,
      updatedAt: c.now,
    },
  })
  await revokeTokens(c, { keyId: { in: ids } })
  for (const { id, name } of keys)
    c.record({
      action: 'api_key.revoked',
      targetId: id,
      targetName: name,
      changes: [{ field: 'revocationReason', before: null, after: reason }],
    })
}

/**
 * Revokes what of these keys is not revoked yet, all or nothing; the number of those.
 *
 * @throws RequestError FORBIDDEN where the caller may not revoke one of them
 */
export async function endLive(
  c: Change,
  caller: Caller | undefined,
  keys: readonly KeyRecord[],
  revocation: Revocation,
): Promise<number> {
  const live = keys.filter(({ revokedAt }) => revokedAt === null)
  for (const key of live) assertMayRevoke(caller, key)
  await endKeys(c, live, revocation)
  return live.length
}

/**
 * Ends the replaced secrets that still work of keys that go on, where they were given to one of these
 * keys or to the user: who is cleaned up after keeps none. All or nothing, as `endLive`.
 *
 * @throws RequestError FORBIDDEN where the caller may not revoke one of the keys
 */
export async function endGivenSecrets(
  c: Change,
  caller: Caller | undefined,
  to: { readonly keyIds: readonly string[]; readonly userId?: string },
): Promise<void> {
  const workspaceId = c.workspace.id
  const given = {
    workspaceId,
    endsAt: { gt: c.now },
    // Keys of the user's own are revoked with them.
    key: { revokedAt: null, ...(to.userId !== undefined && { ownerId: { not: to.userId } }) },
    OR: [
      { receiverKeyId: { in: [...to.keyIds] } },
      ...(to.userId === undefined ? [] : [{ receiverId: to.userId }]),
    ],
  }
  const secrets = await c.db.apiKeySecret.findMany({ where: given, select: { keyId: true } })
  if (secrets.length === 0) return
  const ids = secrets.map(({ keyId }) => keyId)
  const keys = await findKeyRecords(c.db, workspaceId, ids)
  for (const key of keys) assertMayRevoke(caller, key)
  await c.db.apiKeySecret.updateMany({ where: given, data: { endsAt: c.now } })
  for (const { id, name } of keys)
    c.record({ action: 'api_key.previous_secret_retired', targetId: id, targetName: name })
}

/** @throws RequestError FORBIDDEN, also for who is nobody in the key's workspace */
function assertMayRevoke(caller: Caller | undefined, key: KeyRecord): void {
  if (caller !== undefined) {
    assertMayTouchOwnersThings(caller, { userId: key.ownerId, role: key.ownerRole })
    const isOwn = isKeyItself(caller, key.id)
    if ((isOwn || holds(caller.rights, 'keys:delete')) && isWithinKeyRole({ caller }, key.ownerId))
      return
  }
  throw forbidden(['keys:delete'], ['keys:delete'])
}
