import { effectiveExpiry } from '../../auth/key-record.ts'
import type { Change } from '../../db/change.ts'
import { userError } from '../../errors.ts'
import { nameKey } from '../../input/text.ts'

/**
 * Takes a name among the owner's live keys. An expired key that has it keeps showing it, but no
 * longer holds it.
 *
 * @throws UserInputError NAME_TAKEN when a live key of the owner has it
 */
export async function takeKeyName(
  { db, workspace }: Change,
  ownerId: string,
  name: string,
  keyId: string,
  path: readonly string[],
): Promise<void> {
  const holders = await db.$queryRaw<{ id: string; isExpired: boolean }[]>`
    SELECT k.id, coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE) AS "isExpired"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${workspace.id} AND k."ownerId" = ${ownerId}
       AND k."nameKey" = ${nameKey(name)} AND k.id <> ${keyId}`
  for (const holder of holders) {
    if (!holder.isExpired)
      throw userError('NAME_TAKEN', path, 'The owner has a live key of this name.')
    await db.apiKey.update({
      where: { workspaceId_id: { workspaceId: workspace.id, id: holder.id } },
      data: { nameKey: null },
    })
  }
}
