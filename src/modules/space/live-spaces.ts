import { reaches } from '../../auth/policy.ts'
import { isId } from '../../ids.ts'
import { validateKnownIds } from '../../input/ids.ts'
import type { ValidationErrors } from '../../input/problems.ts'
import type { ActorTransaction } from '../../transactions/workspace-transaction.ts'

/** Who asks, and what reads the database for them. */
type Reader = Pick<ActorTransaction, 'db' | 'caller'> & {
  readonly workspace: Pick<ActorTransaction['workspace'], 'id'>
}

/** Those of the ids that name spaces within the caller's reach; without a caller, any that is not deleted. */
export async function findReachedSpaces(
  { db, workspace, caller }: Reader,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.space.findMany({
    where: { workspaceId: workspace.id, id: { in: ids.filter(isId) }, deletedAt: null },
    select: { id: true },
  })
  const isReached = (id: string): boolean => caller === null || reaches(caller.rights, id)
  return new Set(rows.map(({ id }) => id).filter(isReached))
}

/**
 * Notes each id of a list that is repeated, or names no space within the caller's reach: deleted,
 * foreign, unreached and never there are all the same.
 */
export async function validateSpaceReach(
  c: Reader,
  problems: ValidationErrors,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): Promise<void> {
  validateKnownIds(problems, 'space', ids, await findReachedSpaces(c, ids), pathOf)
}
