import { serviceUnavailable } from '../errors.ts'
import type { WorkspaceTransaction } from './workspace-transaction.ts'

/** A transaction needs the lock of a workspace that it did not take; it has changed nothing yet. */
class LockSetChanged extends Error {
  override readonly name = 'LockSetChanged'
}

/** Each retry needs a user to join yet another workspace between the look and the lock. */
const maxTries = 5

/**
 * Runs a transaction over workspaces that are found before they are locked; runs it again when more of
 * them are found once the locks are held.
 *
 * @param find the ids of the workspaces to lock, as far as can be seen without their locks
 * @throws RequestError SERVICE_UNAVAILABLE when there are more each time
 */
export async function retryWithLocks<T>(
  find: () => Promise<readonly string[]>,
  run: (workspaceIds: readonly string[]) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run(await find())
    } catch (error) {
      if (!(error instanceof LockSetChanged)) throw error
      if (tries === maxTries) throw serviceUnavailable(error)
    }
  }
}

/** Call it inside, before any change. @throws LockSetChanged where a lock is missing */
export function assertAllLocked(
  changes: readonly WorkspaceTransaction[],
  workspaceIds: readonly string[],
): void {
  const locked = new Set(changes.map(({ workspace }) => workspace.id))
  const missing = workspaceIds.find((id) => !locked.has(id))
  if (missing !== undefined) throw new LockSetChanged(`the lock of ${missing} is not held`)
}

/**
 * Locks users; their memberships and user-level keys change under this lock only. Taken after the locks
 * of workspaces, in the order of ids.
 */
export async function lockUsers(
  { db }: WorkspaceTransaction,
  userIds: readonly string[],
): Promise<void> {
  await db.$queryRaw`
    SELECT 1 FROM "User" WHERE id = ANY(${userIds}::text[]) ORDER BY id COLLATE "C" FOR NO KEY UPDATE`
}
