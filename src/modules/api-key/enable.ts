import type { ApiKey } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { assertGrantable, assertLive, findKeyForUpdate, getKey } from './find-key-for-update.ts'

interface KeyInput {
  readonly id: string
}

/** Refuses a key until it is enabled again. For a disabled one nothing changes. */
export const disableApiKey = (context: ServiceContext, { id }: KeyInput): Promise<ApiKey> =>
  inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, id)
    assertLive(key)
    if (key.disabledAt !== null) return getKey(c, key.id)
    await c.db.apiKey.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: key.id } },
      data: { disabledAt: c.now, updatedAt: c.now },
    })
    c.record({ action: 'api_key.disabled', targetId: key.id, targetName: key.name })
    return getKey(c, key.id)
  })

/**
 * Accepts a disabled key again: it must be one that the caller could grant. It gives nobody more than
 * they had, so who was given its secrets is not asked about.
 */
export const enableApiKey = (context: ServiceContext, { id }: KeyInput): Promise<ApiKey> =>
  inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, id)
    assertLive(key)
    if (key.disabledAt === null) return getKey(c, key.id)
    assertGrantable(c, key)
    await c.db.apiKey.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: key.id } },
      data: { disabledAt: null, updatedAt: c.now },
    })
    c.record({ action: 'api_key.enabled', targetId: key.id, targetName: key.name })
    return getKey(c, key.id)
  })
