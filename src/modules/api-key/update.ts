import { isAttenuation } from '../../auth/delegation.ts'
import type { KeyRecord } from '../../auth/key-record.ts'
import { userError } from '../../errors.ts'
import type { ApiKey } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import { nameKey } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type ActorTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { type KeyDetails, updateApiKeyInput } from './api-key.input.ts'
import { auditSnapshot } from './audit-snapshot.ts'
import { replaceTerms } from './create.ts'
import { assertLive, findKeyForUpdate, getKey, validateDelegation } from './find-key-for-update.ts'
import { takeKeyName } from './key-name.ts'
import { findLabels, type Label, replaceLabels } from './labels.ts'
import { assertReceiversMayHold } from './receivers.ts'
import { type KeyTermsInput, keyTermsInput, validateNonNull } from './terms-input.ts'

export interface UpdateApiKeyInput extends KeyTermsInput {
  readonly id: string
  readonly name?: string | null | undefined
  readonly description?: string | null | undefined
  readonly externalId?: string | null | undefined
  readonly labels?: readonly Label[] | null | undefined
}

/** Changes a live key, as `changeKey` does. */
export const updateApiKey = (context: ServiceContext, input: UpdateApiKeyInput): Promise<ApiKey> =>
  inWorkspaceTransaction(context, { permission: 'keys:update' }, async (c) =>
    changeKey(c, await findKeyForUpdate(c, input.id), input),
  )

/**
 * Changes a live key. Absent fields stay. The key as it would be must be one that the caller may
 * grant, and so may who has been given a secret of it, unless it is only narrowed.
 */
export async function changeKey(
  c: ActorTransaction,
  key: KeyRecord,
  input: UpdateApiKeyInput,
): Promise<ApiKey> {
  assertLive(key)
  const problems = new ValidationErrors()
  validateNonNull(problems, input)
  const stored = await findLabels(c.db, c.workspace.id, [key.id])
  const before = { ...key, labels: stored.get(key.id) ?? [] }
  const after = { ...before, ...validateInput(problems, updateApiKeyInput, input) }
  const terms = await keyTermsInput(c, problems, key, input)
  problems.throwIfAny()
  if (!isAttenuation(key, terms)) {
    assertMayWiden(c, key)
    validateDelegation(c, problems, terms)
    problems.throwIfAny()
    await assertReceiversMayHold(c, key.id, terms)
  }
  const changes = changesBetween<object>(
    { ...detailsOf(before), ...auditSnapshot(key) },
    { ...detailsOf(after), ...auditSnapshot(terms) },
  )
  if (changes.length === 0) return getKey(c, key.id)
  const { labels, ...details } = detailsOf(after)
  const { name } = details
  const isRenamed = nameKey(name) !== nameKey(key.name)
  if (isRenamed) await takeKeyName(c, key.ownerId, name, key.id, ['input', 'name'])
  const apiKey = await replaceTerms(c, key.id, terms, {
    ...details,
    ...(isRenamed && { nameKey: nameKey(name) }),
    updatedAt: c.now,
  })
  if (input.labels !== undefined) await replaceLabels(c, key.id, labels)
  c.record({ action: 'api_key.updated', targetId: key.id, targetName: key.name, changes })
  return apiKey
}

/** What a key is called and found by, and that needs no right to grant the key. */
const detailsOf = ({ name, description, externalId, labels }: KeyDetails): KeyDetails => ({
  name,
  description,
  externalId,
  labels,
})

/** Another person's key can be narrowed, not widened. */
function assertMayWiden({ caller }: ActorTransaction, { ownerId, ownerKind }: KeyRecord): void {
  if (caller !== null && ownerId !== caller.user.id && ownerKind === 'HUMAN')
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      ['input', 'id'],
      "A person's key is widened by nobody but its owner.",
    )
}
