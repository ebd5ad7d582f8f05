import type { Change } from '../../db/change.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'

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
