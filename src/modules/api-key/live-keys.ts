import type { Queryable } from '../../auth/key-record.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { limitsOf } from '../../limits/plans.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { isLive } from './key-state.ts'

/**
 * How many keys of the workspace are live, neither revoked nor expired, as they count for its plan:
 * people bring their user-level keys along, and no workspace can keep them out. `where` narrows the
 * keys `k`.
 */
export async function countLiveKeys(
  db: Queryable,
  workspaceId: string,
  where = Prisma.sql`TRUE`,
): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${workspaceId} AND ${isLive} AND NOT k."userLevel" AND ${where}`
  return row?.count ?? 0
}

/** How many more live keys the workspace's plan allows. */
export async function findKeyCapacity({
  db,
  deps,
  workspace,
}: WorkspaceTransaction): Promise<number> {
  const { keyLimit } = limitsOf(deps.limits.plans, workspace)
  return keyLimit === null ? Infinity : keyLimit - (await countLiveKeys(db, workspace.id))
}
