import { isKeyItself } from '../../auth/caller.ts'
import { isAttenuation, type KeySettings } from '../../auth/delegation.ts'
import { earliest, findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { userError } from '../../errors.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { overlapSeconds } from '../api-key/api-key.input.ts'
import { auditSnapshot } from '../api-key/audit-snapshot.ts'
import { type KeyWithSecret, replaceTerms } from '../api-key/create.ts'
import {
  assertLive,
  assertMayHaveSecretOf,
  findKeyForUpdate,
  validateDelegation,
} from '../api-key/find-key-for-update.ts'
import { assertReceiversMayHold } from '../api-key/receivers.ts'
import { replaceSecret } from '../api-key/replace-secret.ts'
import { type KeyTermsInput, keyTermsInput, validateNonNull } from '../api-key/terms-input.ts'
import { findWorkingSecrets } from '../api-key/working-secrets.ts'

export interface MigrateLegacyKeyInput
  extends Omit<KeyTermsInput, 'allowedIps' | 'requestsPerMinute'> {
  readonly id: string
  readonly overlapSeconds?: number | null | undefined
}

/** @throws UserInputError WRONG_STATE for what is no legacy key, or one of no single workspace */
function assertMigrates(key: KeyRecord): void {
  const path = ['input', 'id']
  if (!key.legacy) throw userError('WRONG_STATE', path, 'This is no legacy key.')
  if (key.userLevel)
    throw userError('WRONG_STATE', path, 'A user-level legacy key is replaced, not migrated.')
}

/** Whether nothing grows by it. The sunset ends legacy keys alone: without it a key lives longer. */
const narrows = ({ workspace }: CallerTransaction, key: KeyRecord, terms: KeySettings): boolean =>
  isAttenuation({ ...key, expiresAt: earliest(key.expiresAt, workspace.legacyKeySunsetAt) }, terms)

/**
 * Makes a legacy key an ordinary one: the same id under a new secret, with the terms that are given
 * and else those that it has. The legacy secret lives on for the overlap, neither past the key's
 * expiry nor past the sunset. Who migrates a key gets its secret, so it must be one that they could
 * grant; a key that migrates itself must be, where anything grows by it. What grows for the legacy
 * secret during the overlap must be grantable to who was given that.
 */
export function migrateLegacyKey(
  context: ServiceContext,
  input: MigrateLegacyKeyInput,
): Promise<KeyWithSecret> {
  const problems = new ValidationErrors()
  const seconds = validateInput(problems, overlapSeconds, input.overlapSeconds, ['overlapSeconds'])
  validateNonNull(problems, input)
  problems.throwIfAny()
  return inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) => {
    const key = await findKeyForUpdate(c, input.id)
    assertLive(key)
    assertMigrates(key)
    const terms = await keyTermsInput(c, problems, key, input)
    problems.throwIfAny()
    if (!isKeyItself(c.caller, key.id) || !narrows(c, key, terms)) {
      assertMayHaveSecretOf(c, key, ['input', 'id'])
      validateDelegation(c, problems, terms)
      problems.throwIfAny()
    }
    // The legacy secret ends by the sunset all the same.
    if (!isAttenuation(key, terms) && seconds > 0)
      await assertReceiversMayHold(c, key.id, terms, {
        path: ['input', 'overlapSeconds'],
        advice: 'End the legacy secret at once, with 0.',
      })
    await replaceTerms(c, key.id, terms, { legacy: false })
    // Its expiry may be another one now.
    const [migrated = key] = await findKeyRecords(c.db, c.workspace.id, [key.id])
    const secrets = await findWorkingSecrets(c, key.id)
    const overlap = { seconds, retireOnFirstUse: false }
    const changes = changesBetween<object>(auditSnapshot(key), auditSnapshot(terms))
    return replaceSecret(c, migrated, secrets, overlap, { action: 'api_key.migrated', changes })
  })
}
