import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import type { Change } from '../../db/change.ts'

/** Every key of the workspace that this one made, and those that they made, and so on. */
export async function findCreated({ db, workspace }: Change, keyId: string): Promise<KeyRecord[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE made AS (
      SELECT k.id FROM "ApiKey" k
       WHERE k."workspaceId" = ${workspace.id} AND k."createdByKeyId" = ${keyId}
      UNION
      SELECT k.id FROM "ApiKey" k JOIN made ON k."createdByKeyId" = made.id
       WHERE k."workspaceId" = ${workspace.id})
    SELECT id FROM made ORDER BY id`
  return findKeyRecords(
    db,
    workspace.id,
    rows.map(({ id }) => id),
  )
}
