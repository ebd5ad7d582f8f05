import type { Workspace } from '../../generated/prisma/client.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertMayRelaxExpiry } from './expiry-policy.ts'
import { assertMayShortenOwnersKeys } from './owners-expiry.ts'
import { slugTaken, takeSlug } from './slug.ts'
import { updateWorkspaceInput } from './workspace.input.ts'

/** Ends with an earlier sunset the legacy secrets that a migration let live on until after it. */
async function endReplacedSecrets(
  { db, workspace }: CallerTransaction,
  sunset: Date,
): Promise<void> {
  await db.apiKeySecret.updateMany({
    where: { workspaceId: workspace.id, legacy: true, endsAt: { gt: sunset } },
    data: { endsAt: sunset },
  })
}

/**
 * Changes the workspace and its policies. Absent fields stay; null removes the lifetime policy. Who
 * relaxes it, or moves the sunset of legacy keys to a later date, must be one who could grant every
 * key that lives longer by it; whoever shortens the life of another OWNER's key needs members:own.
 */
export function updateWorkspace(
  context: ServiceContext,
  input: Given<typeof updateWorkspaceInput>,
): Promise<Workspace> {
  const fields = readInput(updateWorkspaceInput, input)
  return inWorkspaceTransaction(context, { permission: 'workspace:update' }, async (c) => {
    const changes = changesBetween<Partial<Workspace>>(c.workspace, fields)
    if (changes.length === 0) return c.workspace
    c.record({
      action: 'workspace.updated',
      targetId: c.workspace.id,
      targetName: c.workspace.name,
      changes,
    })
    if (fields.slug !== undefined) await takeSlug(c, fields.slug)
    const updated = await c.db.workspace.update({ where: { id: c.workspace.id }, data: fields })
    await assertMayShortenOwnersKeys(c, c.workspace)
    await assertMayRelaxExpiry(c, c.workspace, updated)
    if (fields.legacyKeySunsetAt) await endReplacedSecrets(c, fields.legacyKeySunsetAt)
    return updated
  }).catch(slugTaken)
}
