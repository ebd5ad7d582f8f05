import { change } from '../../db/change.ts'
import { forbidden, userError } from '../../errors.ts'
import { InputProblems } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import { overlapInput } from './bounds-input.ts'
import { findOwner, type KeyWithSecret } from './create.ts'
import { takeKeyName } from './key-name.ts'
import {
  assertGrantable,
  assertLive,
  isWithinKeyRole,
  keyToChange,
  readKey,
} from './key-to-change.ts'
import { replaceSecret } from './replace-secret.ts'

export interface TransferApiKeyInput {
  readonly id: string
  readonly ownerId: string
  readonly overlapSeconds?: number | null | undefined
}

/** Gives a key to a machine user, under a new secret: the person leaves, the integration stays. */
export function transferApiKey(
  context: ServiceContext,
  input: TransferApiKeyInput,
): Promise<KeyWithSecret> {
  const problems = new InputProblems()
  const seconds = overlapInput(problems, input.overlapSeconds)
  problems.throwIfAny()
  return change(context, { permission: 'keys:update' }, async (c) => {
    const path = ['input', 'ownerId']
    const key = await keyToChange(c, input.id)
    assertLive(key)
    const owner = await findOwner(c, input.ownerId, path)
    if (!isWithinKeyRole(c, owner.ownerId)) throw forbidden(['keys:update'], ['keys:update'])
    if (owner.ownerKind !== 'MACHINE')
      throw userError('INVALID', path, 'A key can be given to a machine user only.')
    if (owner.ownerId === key.ownerId)
      throw userError('INVALID', path, 'The key is theirs already.')
    assertGrantable(c, { ...key, ...owner })
    await takeKeyName(c, owner.ownerId, key.name, key.id, path)
    const { secret, previousSecretExpiresAt } = await replaceSecret(c, key, context.caller.epoch, {
      seconds,
      retireOnFirstUse: false,
    })
    await c.db.apiKey.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: key.id } },
      data: { ownerId: owner.ownerId },
    })
    c.record({
      action: 'api_key.transferred',
      targetId: key.id,
      targetName: key.name,
      changes: [
        { field: 'ownerId', before: key.ownerId, after: owner.ownerId },
        { field: 'previousSecretExpiresAt', before: null, after: previousSecretExpiresAt },
      ],
    })
    return { apiKey: await readKey(c, key.id), secret }
  })
}
