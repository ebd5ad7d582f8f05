import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import type { Change } from '../../db/change.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** The key itself. */
const ofKey = (keyId: string): Prisma.Sql => Prisma.sql`SELECT ${keyId}`

/** The user's own keys, those that they made, and those whose present secret was given to them. */
const ofUser = (workspaceId: string, userId: string): Prisma.Sql => Prisma.sql`
  SELECT k.id FROM "ApiKey" k
   WHERE k."workspaceId" = ${workspaceId}
     AND (k."ownerId" = ${userId} OR k."createdById" = ${userId})
   UNION
  SELECT s."keyId" FROM "ApiKeySecret" s
   WHERE s."workspaceId" = ${workspaceId} AND s."receiverId" = ${userId} AND s."endsAt" IS NULL`

/**
 * The keys of the workspace that came of a key or user: those that it made, those whose present secret
 * was given to it, and theirs; a key is not among its own.
 */
export async function findDescendantKeys(
  { db, workspace }: Change,
  root: { readonly keyId: string } | { readonly userId: string },
): Promise<KeyRecord[]> {
  const roots = 'keyId' in root ? ofKey(root.keyId) : ofUser(workspace.id, root.userId)
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE descendant (id) AS (
      ${roots}
      UNION
      SELECT next.id FROM descendant d CROSS JOIN LATERAL (
        SELECT k.id FROM "ApiKey" k
         WHERE k."workspaceId" = ${workspace.id} AND k."createdByKeyId" = d.id
         UNION ALL
        SELECT s."keyId" FROM "ApiKeySecret" s
         WHERE s."workspaceId" = ${workspace.id} AND s."receiverKeyId" = d.id AND s."endsAt" IS NULL
      ) next)
    SELECT id FROM descendant ORDER BY id`
  const ids = rows.map(({ id }) => id).filter((id) => !('keyId' in root) || id !== root.keyId)
  return findKeyRecords(db, workspace.id, ids)
}
