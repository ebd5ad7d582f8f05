import { reaches } from '../../auth/policy.ts'
import type { CallerChange } from '../../db/change.ts'
import { isId } from '../../ids.ts'
import { noteRepeatedIds } from '../../input/ids.ts'
import type { InputProblems } from '../../input/problems.ts'

/**
 * Notes each id of a list that is repeated, or names no space within the caller's reach: deleted,
 * foreign, unreached and never there are all the same.
 */
export async function noteUnreachedSpaces(
  { db, workspace, caller }: CallerChange,
  problems: InputProblems,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): Promise<void> {
  noteRepeatedIds(problems, ids, pathOf)
  const rows = await db.space.findMany({
    where: { workspaceId: workspace.id, id: { in: ids.filter(isId) }, deletedAt: null },
    select: { id: true },
  })
  const live = new Set(rows.map(({ id }) => id))
  ids.forEach((id, index) => {
    if (!live.has(id) || !reaches(caller.rights, id))
      problems.add('NOT_FOUND', pathOf(index), 'There is no such space.')
  })
}
