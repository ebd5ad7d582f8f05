import type { KeyCaller } from '../../auth/caller.ts'
import { change } from '../../db/change.ts'
import type { ServiceContext } from '../../service-context.ts'

/**
 * Ends the previous secret of the calling key: the new one is being used for the first time. Where
 * another rotation has replaced the new one meanwhile, nothing ends: it has its own overlap now.
 */
export const retirePreviousSecret = (
  context: ServiceContext & { readonly caller: KeyCaller },
): Promise<void> => {
  const { key, workspaceId, credentialHash } = context.caller
  return change(context, { permission: () => null }, async ({ db, now, record }) => {
    const isCurrent = {
      hash: credentialHash,
      endsAt: null,
      key: { retirePreviousOnFirstUse: true },
    }
    if ((await db.apiKeySecret.count({ where: isCurrent })) === 0) return
    const { count } = await db.apiKeySecret.updateMany({
      where: { workspaceId, keyId: key.id, endsAt: { gt: now } },
      data: { endsAt: now },
    })
    if (count > 0)
      record({
        action: 'api_key.previous_secret_retired',
        targetId: key.id,
        targetName: key.name,
      })
  })
}
