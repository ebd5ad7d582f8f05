import { findKeyRecords, rightsOf } from '../../auth/key-record.ts'
import { gainedByMove, type Rights } from '../../auth/policy.ts'
import { forbidden } from '../../errors.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { isRevivable } from '../api-key/key-state.ts'

/**
 * What the keys can do that the caller's credential comes from: its own key, which a token may hold
 * less than, the keys that made that one or were given a secret of it that lives, and so on. None of a
 * person who has signed in.
 */
async function rightsOfOrigins(c: CallerTransaction): Promise<Rights[]> {
  const { db, workspace, caller, now } = c
  if (caller.key === null) return []
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE origin (id) AS (
      SELECT ${caller.key.id}
      UNION
      SELECT prior.id FROM origin o CROSS JOIN LATERAL (
        SELECT k."createdByKeyId" AS id FROM "ApiKey" k
         WHERE k."workspaceId" = ${workspace.id} AND k.id = o.id
         UNION ALL
        SELECT s."receiverKeyId" FROM "ApiKeySecret" s
         WHERE s."workspaceId" = ${workspace.id} AND s."keyId" = o.id
           AND coalesce(s."endsAt" > ${now}, TRUE)) prior
       WHERE prior.id IS NOT NULL)
    SELECT k.id FROM origin JOIN "ApiKey" k ON k.id = origin.id
     WHERE k."workspaceId" = ${workspace.id} AND ${isRevivable}`
  const ids = rows.map(({ id }) => id)
  return (await findKeyRecords(db, workspace.id, ids)).map(rightsOf)
}

/**
 * Moving an agent must not raise what the mover can do to it: in every space that it leaves they hold
 * each per-space permission that they hold in all of its new ones. The same goes for the keys that
 * the mover's credential comes from, which would otherwise move it by a token or key that holds less.
 *
 * @throws RequestError FORBIDDEN naming what the mover lacks in the old spaces
 */
export async function assertMayMove(
  c: CallerTransaction,
  from: readonly string[],
  to: readonly string[],
): Promise<void> {
  const gained = gainedByMove(c.caller.rights, from, to)
  if (gained.length > 0)
    throw forbidden(
      gained,
      gained,
      `Whoever moves the agent would gain ${gained.join(', ')} on it, and must hold that in each space that it leaves.`,
    )
  const origins = await rightsOfOrigins(c)
  if (origins.some((rights) => gainedByMove(rights, from, to).length > 0))
    throw forbidden(
      ['agents:update'],
      [],
      'A key that this credential comes from would gain permissions on the agent by the move.',
    )
}
