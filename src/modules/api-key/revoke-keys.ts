import { type Caller, isKeyItself } from '../../auth/caller.ts'
import type { KeyRecord } from '../../auth/key-record.ts'
import { holds } from '../../auth/policy.ts'
import { forbidden } from '../../errors.ts'
import type { ApiKey } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import { isWithinKeyRole } from './find-key-for-update.ts'

/** By whom keys are revoked, and why. */
export interface Revocation {
  /** Null: the operator. */
  readonly revokedById: string | null
  readonly reason: string | null
}

/**
 * Revokes keys of the workspace that are not revoked yet, for good, and their tokens with them; the keys
 * as they are then.
 */
export async function revokeKeys(
  c: WorkspaceTransaction,
  keys: readonly { readonly id: string; readonly name: string }[],
  { revokedById, reason }: Revocation,
): Promise<ApiKey[]> {
  const ids = keys.map(({ id }) => id)
  const revoked = await c.db.apiKey.updateManyAndReturn({
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
  return revoked
}

/**
 * Revokes what of these keys is not revoked yet, all or nothing; those as they are then.
 *
 * @throws RequestError FORBIDDEN where the caller may not revoke one of them
 */
export async function revokeLiveKeys(
  c: WorkspaceTransaction,
  caller: Caller | null | undefined,
  keys: readonly KeyRecord[],
  revocation: Revocation,
): Promise<ApiKey[]> {
  const live = keys.filter(({ revokedAt }) => revokedAt === null)
  for (const key of live) assertMayRevoke(caller, key)
  return live.length === 0 ? [] : await revokeKeys(c, live, revocation)
}

/**
 * @param caller null: the operator; undefined: nobody in the key's workspace
 * @throws RequestError FORBIDDEN, also for nobody
 */
export function assertMayRevoke(
  caller: Caller | null | undefined,
  key: Pick<KeyRecord, 'id' | 'ownerId' | 'ownerRole'>,
): void {
  if (caller === null) return
  if (caller !== undefined) {
    assertMayTouchOwnersThings(caller, { userId: key.ownerId, role: key.ownerRole })
    const isOwn = isKeyItself(caller, key.id)
    if ((isOwn || holds(caller.rights, 'keys:delete')) && isWithinKeyRole({ caller }, key.ownerId))
      return
  }
  throw forbidden(['keys:delete'], ['keys:delete'])
}
