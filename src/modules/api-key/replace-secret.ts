import { setImmediate as loopTurn, setTimeout as sleep } from 'node:timers/promises'
import { createApiKeySecret, shownParts } from '../../auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../../auth/credentials/hash.ts'
import { earliest, type KeyRecord } from '../../auth/key-record.ts'
import { untilRead } from '../../auth/under-way.ts'
import type { CallerChange } from '../../db/change.ts'
import type { Deps } from '../../deps.ts'
import { userError } from '../../errors.ts'
import { changesBetween, type FieldChange } from '../audit/event.ts'

/** How the secret before a rotation ends. */
export interface Overlap {
  readonly seconds: number
  readonly retireOnFirstUse: boolean
}

/** Requests that are sent at once arrive within this. */
const togetherMs = 50
/** So many connections that are opened at once are accepted before anybody goes on. */
const acceptedTogether = 256
/** Longer is waited for no reading: it hangs, and every rotation would with it. */
const longestReadingMs = 250

/**
 * To be awaited between a request's authentication and `replaceSecret`, so that of rotations sent at
 * once one wins: those that are read after the first of them was committed would be authenticated by
 * what it left, and win as well. The embedded database runs a request to its end before the next one
 * is read; elsewhere a commit is still quicker than the reading of many new connections.
 */
export async function othersAreAuthenticated({ prisma }: Deps): Promise<void> {
  await sleep(togetherMs)
  // A busy server learns late of what has arrived meanwhile: a turn of its event loop reads from all
  // its connections, and accepts a single new one (libuv since 1.45).
  for (let turn = 0; turn < acceptedTogether; turn += 1) await loopTurn()
  await untilRead(prisma, longestReadingMs)
}

/**
 * A request authenticated before the present secret was made asked for the replacement of another
 * one, and has lost.
 *
 * @throws UserInputError CONFLICT when the secret was replaced since the request was authenticated
 */
export function assertNotReplaced(key: KeyRecord, authenticatedAt: bigint): void {
  if (key.secretEpoch > authenticatedAt)
    throw userError('CONFLICT', ['input', 'id'], 'The key was rotated by somebody else meanwhile.')
}

/**
 * Gives a key a new secret; the present one works on for the overlap, never past the key's expiry,
 * and any older one ends now. It compares and sets: a request authenticated before the present
 * secret was made asked for the replacement of another one, and has lost. `changes` are how the
 * secret before ends, as the audit tells it.
 *
 * @throws UserInputError CONFLICT when the secret was replaced since the request was authenticated
 */
export async function replaceSecret(
  { db, deps, workspace, now, nextEpoch }: CallerChange,
  key: KeyRecord,
  authenticatedAt: bigint,
  overlap: Overlap,
): Promise<{ readonly secret: string; readonly changes: readonly FieldChange[] }> {
  assertNotReplaced(key, authenticatedAt)
  const secret = createApiKeySecret(deps.keyPrefix)
  deps.limits.attempts.trust(secretDigest(secret))
  const its = { workspaceId: workspace.id, keyId: key.id }
  const end = new Date(now.getTime() + overlap.seconds * 1_000)
  const endsAt = earliest(end, key.effectiveExpiresAt) ?? end
  const older = { ...its, endsAt: { gt: now } }
  const oldest = await db.apiKeySecret.findFirst({ where: older, select: { endsAt: true } })
  await db.apiKeySecret.updateMany({ where: older, data: { endsAt: now } })
  await db.apiKeySecret.updateMany({ where: { ...its, endsAt: null }, data: { endsAt } })
  await db.apiKeySecret.create({ data: { ...its, hash: hashSecret(secret), createdAt: now } })
  await db.apiKey.update({
    where: { workspaceId_id: { workspaceId: workspace.id, id: key.id } },
    data: {
      ...shownParts(secret),
      rotatedAt: now,
      updatedAt: now,
      secretEpoch: nextEpoch,
      retirePreviousOnFirstUse: overlap.retireOnFirstUse,
    },
  })
  const changes = changesBetween(
    {
      previousSecretExpiresAt: oldest && earliest(oldest.endsAt, key.effectiveExpiresAt),
      retirePreviousOnFirstUse: key.retirePreviousOnFirstUse,
    },
    {
      previousSecretExpiresAt: endsAt > now ? endsAt : null,
      retirePreviousOnFirstUse: overlap.retireOnFirstUse,
    },
  )
  return { secret, changes }
}
