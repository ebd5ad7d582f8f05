import type { Prisma } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** Which tokens of the workspace: one, a family, those of keys, or of all keys of an owner. */
type WhichTokens =
  | { readonly id: string }
  | { readonly familyId: string }
  | { readonly keyId: { readonly in: string[] } }
  | { readonly key: { readonly ownerId: string } }

/** Tokens whose time is not over, nor that of the secret that minted them; their key's may be. */
export const isUnexpired = (now: Date) =>
  ({
    expiresAt: { gt: now },
    OR: [{ secretId: null }, { secret: { endsAt: null } }, { secret: { endsAt: { gt: now } } }],
  }) satisfies Prisma.AccessTokenWhereInput

/**
 * Revokes those that still live, replaced ones included, and tells how many they were. One that was
 * revoked before keeps its time.
 */
export async function revokeTokens(
  { db, workspace, now }: WorkspaceTransaction,
  which: WhichTokens,
): Promise<number> {
  const { count } = await db.accessToken.updateMany({
    where: { ...which, workspaceId: workspace.id, revokedAt: null, ...isUnexpired(now) },
    data: { revokedAt: now },
  })
  return count
}
