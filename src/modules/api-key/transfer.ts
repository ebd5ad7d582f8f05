import { userError } from '../../errors.ts'
import type { ServiceContext } from '../../service-context.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { findOwner, type KeyWithSecret } from './create.ts'
import {
  assertGrantable,
  assertLive,
  assertOrdinary,
  findKeyForUpdate,
  updateKey,
} from './find-key-for-update.ts'
import { takeKeyName } from './key-name.ts'
import { replaceSecret } from './replace-secret.ts'
import { findWorkingSecrets } from './working-secrets.ts'

export interface TransferApiKeyInput {
  readonly id: string
  readonly ownerId: string
}

/**
 * Gives a key to a machine user under a new secret: the person leaves, the integration stays. The
 * secrets before end with the answer, and the key's tokens are revoked: with an overlap whoever has
 * them would act as the new owner, whose role and user decide more than the permissions of the key.
 */
export function transferApiKey(
  context: ServiceContext,
  input: TransferApiKeyInput,
): Promise<KeyWithSecret> {
  return inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const path = ['input', 'ownerId']
    const key = await findKeyForUpdate(c, input.id)
    assertLive(key)
    assertOrdinary(c, key)
    const owner = await findOwner(c, input.ownerId, 'keys:update', path)
    if (owner.ownerKind !== 'MACHINE')
      throw userError('INVALID', path, 'A key can be given to a machine user only.')
    if (owner.ownerId === key.ownerId)
      throw userError('INVALID', path, 'The key is theirs already.')
    assertGrantable(c, { ...key, ...owner })
    await takeKeyName(c, owner.ownerId, key.name, key.id, path)
    await updateKey(c, key.id, { ownerId: owner.ownerId })
    // They name the old owner, who may still have them.
    await revokeTokens(c, { keyId: { in: [key.id] } })
    const secrets = await findWorkingSecrets(c, key.id)
    const overlap = { seconds: 0, retireOnFirstUse: false }
    const changes = [{ field: 'ownerId', before: key.ownerId, after: owner.ownerId }]
    return replaceSecret(c, key, secrets, overlap, { action: 'api_key.transferred', changes })
  })
}
