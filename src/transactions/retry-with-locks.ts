import { serviceUnavailable } from '../errors.ts'
import type { WorkspaceTransaction } from './workspace-transaction.ts'

/** A transaction has to change a workspace whose lock it did not take, and has not done anything. */
class LockSetChanged extends Error {
  override readonly name = 'LockSetChanged'
}

/** Each try needs somebody to come into yet another workspace in the moment after it looked. */
const maxTries = 5

/**
 * Runs a change of workspaces that are known by looking only, anew when there turn out to be more of
 * them once they are locked.
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

/** To be asked inside, before anything is done there: ends the transaction that lacks a lock. */
export function assertAllLocked(
  changes: readonly WorkspaceTransaction[],
  workspaceIds: readonly string[],
): void {
  const locked = new Set(changes.map(({ workspace }) => workspace.id))
  const missing = workspaceIds.find((id) => !locked.has(id))
  if (missing !== undefined) throw new LockSetChanged(`the lock of ${missing} is not held`)
}

/**
 * Locks users: what workspaces and user-level keys they have changes under it alone. After the locks
 * of workspaces, in the order of ids as these are.
 */
export async function lockUsers(
  { db }: WorkspaceTransaction,
  userIds: readonly string[],
): Promise<void> {
  await db.$queryRaw`
    SELECT 1 FROM "User" WHERE id = ANY(${userIds}::text[]) ORDER BY id COLLATE "C" FOR NO KEY UPDATE`
}
