import type { KeyCaller } from '../../auth/caller.ts'
import { change } from '../../db/change.ts'
import type { ServiceContext } from '../../service-context.ts'

/** Ends the previous secret of the calling key: the new one is being used for the first time. */
export const retirePreviousSecret = (
  context: ServiceContext & { readonly caller: KeyCaller },
): Promise<void> => {
  const { key, workspaceId } = context.caller
  return change(context, { permission: () => null }, async ({ db, now, record }) => {
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
