import { isKeyItself } from '../../auth/caller.ts'
import { change } from '../../db/change.ts'
import { InputProblems } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import { overlapInput } from './bounds-input.ts'
import type { KeyWithSecret } from './create.ts'
import {
  assertGrantable,
  assertLive,
  assertMayHaveSecretOf,
  assertOrdinary,
  keyToChange,
  readKey,
} from './key-to-change.ts'
import { othersAreAuthenticated, replaceSecret } from './replace-secret.ts'

export interface RotateApiKeyInput {
  readonly id: string
  readonly overlapSeconds?: number | null | undefined
  readonly retirePreviousOnFirstUse?: boolean | null | undefined
}

/**
 * A new secret for the same key: id, settings, counters and expiry stay. Who rotates another key
 * than their own gets its secret, so it must be one that they could grant.
 */
export async function rotateApiKey(
  context: ServiceContext,
  input: RotateApiKeyInput,
): Promise<KeyWithSecret> {
  const problems = new InputProblems()
  const seconds = overlapInput(problems, input.overlapSeconds)
  problems.throwIfAny()
  await othersAreAuthenticated(context.deps)
  return change(context, { permission: 'keys:update' }, async (c) => {
    const key = await keyToChange(c, input.id)
    assertLive(key)
    assertOrdinary(c, key)
    if (!isKeyItself(c.caller, key.id)) {
      assertMayHaveSecretOf(c, key, ['input', 'id'])
      assertGrantable(c, key)
    }
    const { secret, changes } = await replaceSecret(c, key, context.caller.epoch, {
      seconds,
      retireOnFirstUse: input.retirePreviousOnFirstUse ?? false,
    })
    c.record({
      action: 'api_key.rotated',
      targetId: key.id,
      targetName: key.name,
      changes,
    })
    return { apiKey: await readKey(c, key.id), secret }
  })
}
