import { type Caller, isKeyItself, type Principal } from '../../auth/caller.ts'
import { holds } from '../../auth/policy.ts'
import { forbidden } from '../../errors.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { OperatorContext, ServiceContext } from '../../service-context.ts'
import { type ActorTransaction, inTransactionOf } from '../../transactions/workspace-transaction.ts'
import { rotateApiKeyInput } from './api-key.input.ts'
import type { KeyWithSecret } from './create.ts'
import {
  assertGrantable,
  assertLive,
  assertMayHaveSecretOf,
  assertOrdinary,
  findKeyForUpdate,
} from './find-key-for-update.ts'
import { assertMayRotateAgain, replaceSecret } from './replace-secret.ts'
import { findWorkingSecrets, type WorkingSecret } from './working-secrets.ts'

/**
 * The previous secret of a key may ask for another one, because the answer that held the current one
 * was lost; not once that one is in use, for it would shut out who has it.
 *
 * @throws RequestError FORBIDDEN
 */
function assertMayReplaceCurrent(
  { caller }: ActorTransaction,
  keyId: string,
  secrets: readonly WorkingSecret[],
): void {
  if (caller?.kind !== 'API_KEY' || caller.key.id !== keyId) return
  const current = secrets.find(({ endsAt }) => endsAt === null)
  if (current?.usedAt && current.id !== caller.secretId)
    throw forbidden(
      [],
      [],
      'This secret was replaced, and the new one is in use: rotate with that.',
    )
}

/** Whether a key asks for its own rotation and holds `keys:rotate`, which is enough for that. */
export const rotatesItself = (
  principal: Principal,
  { id }: Pick<Given<typeof rotateApiKeyInput>, 'id'>,
): boolean =>
  'rights' in principal && isKeyItself(principal, id) && holds(principal.rights, 'keys:rotate')

/**
 * A new secret for the same key: id, settings, counters and expiry stay. Who rotates another key
 * than their own gets its secret, so it must be one that they could grant. A lost answer costs
 * nothing: the secret in use works on, and the one that was never used is replaced.
 */
export function rotateApiKey(
  context: ServiceContext | OperatorContext,
  input: Given<typeof rotateApiKeyInput>,
): Promise<KeyWithSecret> {
  const {
    id,
    overlapSeconds: seconds,
    retirePreviousOnFirstUse: retireOnFirstUse,
    expectedRotatedAt,
  } = readInput(rotateApiKeyInput, input)
  const permission = (caller: Caller) => (rotatesItself(caller, { id }) ? null : 'keys:update')
  return inTransactionOf(context, { permission }, async (c) => {
    const key = await findKeyForUpdate(c, id)
    assertLive(key)
    assertOrdinary(c, key)
    const secrets = await findWorkingSecrets(c, key.id)
    assertMayReplaceCurrent(c, key.id, secrets)
    assertMayRotateAgain(c, key, expectedRotatedAt ?? undefined)
    if (c.caller === null || !isKeyItself(c.caller, key.id)) {
      assertMayHaveSecretOf(c, key, ['input', 'id'])
      assertGrantable(c, key)
    }
    const overlap = { seconds, retireOnFirstUse: retireOnFirstUse ?? false }
    return replaceSecret(c, key, secrets, overlap, { action: 'api_key.rotated' })
  })
}
