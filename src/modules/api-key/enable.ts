import type { ApiKey } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import {
  assertGrantable,
  assertLive,
  findKeyForUpdate,
  getKey,
  updateKey,
} from './find-key-for-update.ts'

interface KeyInput {
  readonly id: string
}

const setDisabled = (context: ServiceContext, id: string, isDisabled: boolean): Promise<ApiKey> =>
  inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, id)
    assertLive(key)
    if ((key.disabledAt !== null) === isDisabled) return getKey(c, key.id)
    if (!isDisabled) assertGrantable(c, key)
    const action = isDisabled ? 'api_key.disabled' : 'api_key.enabled'
    c.record({ action, targetId: key.id, targetName: key.name })
    return updateKey(c, key.id, { disabledAt: isDisabled ? c.now : null, updatedAt: c.now })
  })

/** Refuses a key until it is enabled again. For a disabled one nothing changes. */
export const disableApiKey = (context: ServiceContext, { id }: KeyInput): Promise<ApiKey> =>
  setDisabled(context, id, true)

/**
 * Accepts a disabled key again: it must be one that the caller could grant. It gives nobody more than
 * they had, so who was given its secrets is not asked about.
 */
export const enableApiKey = (context: ServiceContext, { id }: KeyInput): Promise<ApiKey> =>
  setDisabled(context, id, false)
