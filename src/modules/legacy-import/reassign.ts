import { assertAllLocked, lockUsers } from '../../transactions/retry-with-locks.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { enterUserLevelKeys } from './provision.ts'

/**
 * Lets the user-level keys of a person into the workspace whose membership `from` has just passed to
 * them, and those of `from`, which are theirs now, into every other workspace of theirs.
 */
export async function passUserLevelKeys(
  c: WorkspaceTransaction,
  others: readonly WorkspaceTransaction[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const { db } = c
  await lockUsers(c, [from, to])
  const passed = await db.userLegacyKey.updateMany({
    where: { userId: from },
    data: { userId: to },
  })
  await enterUserLevelKeys(c, to)
  if (passed.count === 0) return
  const memberships = await db.member.findMany({
    where: { userId: to, removedAt: null },
    select: { workspaceId: true },
  })
  const present = new Set(memberships.map(({ workspaceId }) => workspaceId))
  assertAllLocked([c, ...others], [...present])
  for (const other of others)
    if (present.has(other.workspace.id)) await enterUserLevelKeys(other, to)
}
