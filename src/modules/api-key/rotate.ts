import { isKeyItself } from '../../auth/caller.ts'
import { forbidden } from '../../errors.ts'
import { parseInstant } from '../../input/instant.ts'
import { ValidationErrors } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { overlapInput } from './bounds-input.ts'
import type { KeyWithSecret } from './create.ts'
import {
  assertGrantable,
  assertLive,
  assertMayHaveSecretOf,
  assertOrdinary,
  findKeyForUpdate,
} from './find-key-for-update.ts'
import { assertMayRotateAgain, replaceSecret } from './replace-secret.ts'

export interface RotateApiKeyInput {
  readonly id: string
  readonly overlapSeconds?: number | null | undefined
  readonly retirePreviousOnFirstUse?: boolean | null | undefined
  readonly expectedRotatedAt?: string | null | undefined
}

function expectedInput(problems: ValidationErrors, value: string | null | undefined) {
  if (value === null || value === undefined) return undefined
  const instant = parseInstant(value)
  if (instant === undefined)
    problems.add(
      'INVALID',
      ['expectedRotatedAt'],
      'This is no RFC 3339 instant: give the rotatedAt of the key.',
    )
  return instant
}

/**
 * The previous secret of a key may ask for another one, because the answer that held the current one
 * was lost; not once that one is in use, for it would shut out who has it.
 *
 * @throws RequestError FORBIDDEN
 */
async function assertMayReplaceCurrent(
  { db, workspace, caller }: CallerTransaction,
  keyId: string,
): Promise<void> {
  if (caller.kind !== 'API_KEY' || caller.key.id !== keyId) return
  const isAnotherInUse = {
    workspaceId: workspace.id,
    keyId,
    endsAt: null,
    usedAt: { not: null },
    hash: { not: caller.credentialHash },
  }
  if ((await db.apiKeySecret.count({ where: isAnotherInUse })) > 0)
    throw forbidden(
      [],
      [],
      'This secret was replaced, and the new one is in use: rotate with that.',
    )
}

/**
 * A new secret for the same key: id, settings, counters and expiry stay. Who rotates another key
 * than their own gets its secret, so it must be one that they could grant. A lost answer costs
 * nothing: the secret in use works on, and the one that was never used is replaced.
 */
export function rotateApiKey(
  context: ServiceContext,
  input: RotateApiKeyInput,
): Promise<KeyWithSecret> {
  const problems = new ValidationErrors()
  const seconds = overlapInput(problems, input.overlapSeconds)
  const expected = expectedInput(problems, input.expectedRotatedAt)
  problems.throwIfAny()
  return inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, input.id)
    assertLive(key)
    assertOrdinary(c, key)
    await assertMayReplaceCurrent(c, key.id)
    assertMayRotateAgain(c, key, expected)
    if (!isKeyItself(c.caller, key.id)) {
      assertMayHaveSecretOf(c, key, ['input', 'id'])
      assertGrantable(c, key)
    }
    const overlap = { seconds, retireOnFirstUse: input.retirePreviousOnFirstUse ?? false }
    return replaceSecret(c, key, overlap, { action: 'api_key.rotated' })
  })
}
