import { findKeyRecords, type KeyRecord, rightsOf } from '../../auth/key-record.ts'
import { expand, type PermissionName } from '../../auth/permissions.ts'
import { areRightsWithin, declaredBy } from '../../auth/policy.ts'
import { type CallerChange, change } from '../../db/change.ts'
import { userError } from '../../errors.ts'
import { InputProblems } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { overlapInput } from './bounds-input.ts'
import { findOwner, type KeyWithSecret } from './create.ts'
import { takeKeyName } from './key-name.ts'
import {
  assertGrantable,
  assertLive,
  assertOrdinary,
  keyToChange,
  readKey,
} from './key-to-change.ts'
import { replaceSecret } from './replace-secret.ts'

export interface TransferApiKeyInput {
  readonly id: string
  readonly ownerId: string
  readonly overlapSeconds?: number | null | undefined
}

/** Whether it changes keys, tokens or members: what is done so outlives the secret that does it. */
const changesCredentials = (permission: PermissionName): boolean => {
  const [resource = '', action = ''] = permission.split(':')
  return ['keys', 'tokens', 'members'].includes(resource) && !['read', 'verify'].includes(action)
}

/** Why the old secret may not live on after the transfer; undefined: it may. */
function overlapProblem(before: KeyRecord, after: KeyRecord | undefined): string | undefined {
  if (after === undefined || !areRightsWithin(rightsOf(after), rightsOf(before)))
    return 'The key can do more for its new owner: the old secret must end at once.'
  if ([...expand(declaredBy(before).permissions)].some(changesCredentials))
    return 'The key can change keys, tokens or members: the old secret must end at once.'
  return undefined
}

/**
 * The seconds for which the old secret may live on. Whoever has it acts for the new owner meanwhile:
 * none where they would be the stronger for it, or where the key declares what would let them stay.
 */
async function overlapAfter(
  c: CallerChange,
  before: KeyRecord,
  seconds: number,
  { overlapSeconds }: TransferApiKeyInput,
): Promise<number> {
  const [after] = await findKeyRecords(c.db, c.workspace.id, [before.id])
  const problem = overlapProblem(before, after)
  if (problem === undefined) return seconds
  if (overlapSeconds) throw userError('INVALID', ['input', 'overlapSeconds'], problem)
  return 0
}

/**
 * Gives a key to a machine user, under a new secret: the person leaves, the integration stays. The
 * key's tokens are revoked: they act for the old owner.
 */
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
    assertOrdinary(c, key)
    const owner = await findOwner(c, input.ownerId, 'keys:update', path)
    if (owner.ownerKind !== 'MACHINE')
      throw userError('INVALID', path, 'A key can be given to a machine user only.')
    if (owner.ownerId === key.ownerId)
      throw userError('INVALID', path, 'The key is theirs already.')
    assertGrantable(c, { ...key, ...owner })
    await takeKeyName(c, owner.ownerId, key.name, key.id, path)
    await c.db.apiKey.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: key.id } },
      data: { ownerId: owner.ownerId },
    })
    // They name the old owner, who may still have them.
    await revokeTokens(c, { keyId: { in: [key.id] } })
    const { secret, changes } = await replaceSecret(c, key, {
      seconds: await overlapAfter(c, key, seconds, input),
      retireOnFirstUse: false,
    })
    c.record({
      action: 'api_key.transferred',
      targetId: key.id,
      targetName: key.name,
      changes: [{ field: 'ownerId', before: key.ownerId, after: owner.ownerId }, ...changes],
    })
    return { apiKey: await readKey(c, key.id), secret }
  })
}
