import type { Caller } from '../../auth/caller.ts'
import { reaches } from '../../auth/policy.ts'
import type { CallerChange, Change } from '../../db/change.ts'
import { isId } from '../../ids.ts'
import { noteRepeatedIds } from '../../input/ids.ts'
import type { InputProblems } from '../../input/problems.ts'

/** Those of the ids that name spaces within the caller's reach; without a caller, any that is not deleted. */
export async function findReachedSpaces(
  { db, workspace, caller }: Change & { readonly caller: Caller | null },
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.space.findMany({
    where: { workspaceId: workspace.id, id: { in: ids.filter(isId) }, deletedAt: null },
    select: { id: true },
  })
  const isReached = (id: string): boolean => caller === null || reaches(caller.rights, id)
  return new Set(rows.map(({ id }) => id).filter(isReached))
}

/** Notes each id of a list that is repeated, or is none of the spaces within the caller's reach. */
export function noteUnreached(
  reached: ReadonlySet<string>,
  problems: InputProblems,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): void {
  noteRepeatedIds(problems, ids, pathOf)
  ids.forEach((id, index) => {
    if (!reached.has(id)) problems.add('NOT_FOUND', pathOf(index), 'There is no such space.')
  })
}

/**
 * Notes each id of a list that is repeated, or names no space within the caller's reach: deleted,
 * foreign, unreached and never there are all the same.
 */
export async function noteUnreachedSpaces(
  c: CallerChange,
  problems: InputProblems,
  ids: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
): Promise<void> {
  noteUnreached(await findReachedSpaces(c, ids), problems, ids, pathOf)
}
