import { change } from '../../db/change.ts'
import type { ServiceContext } from '../../service-context.ts'

/** Ends the previous secret of the calling key: the new one is being used for the first time. */
export const retirePreviousSecret = (context: ServiceContext): Promise<void> =>
  change(context, { permission: () => null }, async ({ db, now, caller, record }) => {
    const { count } = await db.apiKeySecret.updateMany({
      where: { workspaceId: caller.workspaceId, keyId: caller.key.id, endsAt: { gt: now } },
      data: { endsAt: now },
    })
    if (count > 0)
      record({
        action: 'api_key.previous_secret_retired',
        targetId: caller.key.id,
        targetName: caller.key.name,
      })
  })
