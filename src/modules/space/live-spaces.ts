import type { Change } from '../../db/change.ts'
import { isId } from '../../ids.ts'

/** Those of the ids that name a space of the workspace which has not been deleted. */
export async function liveSpaceIds(
  { db, workspace }: Change,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.space.findMany({
    where: { workspaceId: workspace.id, id: { in: ids.filter(isId) }, deletedAt: null },
    select: { id: true },
  })
  return new Set(rows.map(({ id }) => id))
}
