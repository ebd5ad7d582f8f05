import { createApiKeySecret, shownParts } from '../../auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../../auth/credentials/hash.ts'
import { earliest, type KeyRecord } from '../../auth/key-record.ts'
import { userError } from '../../errors.ts'
import { type ChangeEvent, changesBetween } from '../../transactions/audit-event.ts'
import type {
  ActorTransaction,
  WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { maxOverlapSeconds } from './api-key.input.ts'
import type { KeyWithSecret } from './create.ts'
import { updateKey } from './find-key-for-update.ts'
import { receiverOfNewSecret } from './receiver.ts'
import type { WorkingSecret } from './working-secrets.ts'

/** How the secret before a rotation ends. */
export interface Overlap {
  readonly seconds: number
  readonly retireOnFirstUse: boolean
}

/** A rotation so soon after another one is a retry or somebody else's: it would end the secret just given. */
const retrySeconds = 30

const seconds = (count: number): number => count * 1_000

/**
 * Of several rotations at once one wins, and one whose answer was lost costs nothing: soon after a
 * rotation another one is refused, unless it names the rotation that it follows.
 *
 * @param expected the `rotatedAt` of the key as its caller saw it; undefined: not given
 * @throws UserInputError CONFLICT within 30 s of another rotation, or when `expected` is out of date
 */
export function assertMayRotateAgain(
  { now }: WorkspaceTransaction,
  { rotatedAt }: KeyRecord,
  expected?: Date,
): void {
  if (expected !== undefined && expected.getTime() !== rotatedAt?.getTime())
    throw userError(
      'CONFLICT',
      ['input', 'expectedRotatedAt'],
      rotatedAt === null
        ? 'The key was never rotated.'
        : `The key was rotated at ${rotatedAt.toISOString()}.`,
    )
  if (expected !== undefined || rotatedAt === null) return
  if (now.getTime() - rotatedAt.getTime() < seconds(retrySeconds))
    throw userError(
      'CONFLICT',
      ['input', 'id'],
      `The secret was replaced at ${rotatedAt.toISOString()}. If that answer was lost, try again ${retrySeconds} s after it.`,
    )
}

/**
 * Gives a key that works by these secrets a new one, and records that with the other changes of the
 * event. The secret in use works on for the overlap, never past the key's expiry, one issued elsewhere
 * never past the sunset; all others end now. The secret in use is the current one, unless that was
 * never used: then it is the one before, at most 7 days after it was first replaced.
 */
export async function replaceSecret(
  c: ActorTransaction,
  key: KeyRecord,
  secrets: readonly WorkingSecret[],
  overlap: Overlap,
  { action, changes = [] }: Pick<ChangeEvent, 'action' | 'changes'>,
): Promise<KeyWithSecret> {
  const { db, deps, workspace, now } = c
  const secret = createApiKeySecret(deps.keyPrefix)
  deps.limits.failedAuth.markTrusted(secretDigest(secret))
  const its = { workspaceId: workspace.id, keyId: key.id }
  const current = secrets.find(({ endsAt }) => endsAt === null)
  const previous = secrets.find(({ endsAt }) => endsAt !== null)
  const keepsPrevious = previous !== undefined && current?.usedAt === null
  const [kept, ended] = keepsPrevious ? [previous, current] : [current, previous]
  const replacedAt = kept?.replacedAt ?? now
  const ends = [
    new Date(now.getTime() + seconds(overlap.seconds)),
    new Date(replacedAt.getTime() + seconds(maxOverlapSeconds)),
    key.effectiveExpiresAt,
    kept?.legacy ? workspace.legacyKeySunsetAt : null,
  ]
  const endsAt = ends.reduce(earliest) ?? now
  const end = async (id: string | undefined, data: Partial<WorkingSecret>) =>
    id && db.apiKeySecret.updateMany({ where: { ...its, id }, data })
  await end(ended?.id, { endsAt: now })
  await end(kept?.id, { endsAt, replacedAt })
  const receiver = receiverOfNewSecret(c, secrets)
  c.insert('ApiKeySecret', [{ ...its, hash: hashSecret(secret), createdAt: now, ...receiver }])
  const apiKey = await updateKey(c, key.id, {
    ...shownParts(secret),
    rotatedAt: now,
    updatedAt: now,
    retirePreviousOnFirstUse: overlap.retireOnFirstUse,
  })
  const ofSecrets = changesBetween(
    {
      previousSecretExpiresAt: previous ? earliest(previous.endsAt, key.effectiveExpiresAt) : null,
      retirePreviousOnFirstUse: key.retirePreviousOnFirstUse,
    },
    {
      previousSecretExpiresAt: endsAt > now ? endsAt : null,
      retirePreviousOnFirstUse: overlap.retireOnFirstUse,
    },
  )
  const event = { action, targetId: key.id, targetName: key.name }
  c.record({ ...event, changes: [...changes, ...ofSecrets] })
  return { apiKey, secret }
}
