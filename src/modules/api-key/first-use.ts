import type { KeyCaller } from '../../auth/caller.ts'
import type { ServiceContext } from '../../service-context.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/**
 * Records that the calling key's new secret is used for the first time, and ends the one before where
 * its rotation asked for that. Where another rotation has replaced the new secret meanwhile, nothing
 * changes: it has its own overlap now.
 */
export const recordFirstUse = (
  context: ServiceContext & { readonly caller: KeyCaller },
): Promise<void> => {
  const { key, workspaceId, credentialHash } = context.caller
  return inWorkspaceTransaction(
    context,
    { permission: () => null },
    async ({ db, now, record }) => {
      const { count: isFirst } = await db.apiKeySecret.updateMany({
        where: { hash: credentialHash, endsAt: null, usedAt: null },
        data: { usedAt: now },
      })
      if (isFirst === 0) return
      const { count: retired } = await db.apiKeySecret.updateMany({
        where: {
          workspaceId,
          keyId: key.id,
          endsAt: { gt: now },
          key: { retirePreviousOnFirstUse: true },
        },
        data: { endsAt: now },
      })
      if (retired > 0)
        record({
          action: 'api_key.previous_secret_retired',
          targetId: key.id,
          targetName: key.name,
        })
    },
  )
}
