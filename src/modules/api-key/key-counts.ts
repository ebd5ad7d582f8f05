import { parentId } from '../../db/nested-pages.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import type { Context, DataLoader } from '../../schema/context.ts'
import { isVisibleKey } from './api-key.visibility.ts'

/** How many keys tied to each parent by `link` the caller sees: what the parent's own list holds. */
export const keyCounts = (context: Context, name: string, link: Prisma.Sql): DataLoader<number> =>
  context.loader(`keyCount ${name}`, async (ids) => {
    const { deps, caller } = context
    const parents = Prisma.sql`unnest(${ids}::text[]) AS parent (id)`
    // A key that many parents share is checked once; see findPages.
    const rows = await deps.prisma.$queryRaw<{ id: string; count: number }[]>`
      WITH visible AS MATERIALIZED (SELECT k.id FROM "ApiKey" k
        WHERE ${isVisibleKey(caller)} AND EXISTS (SELECT 1 FROM ${parents} WHERE ${link}))
      SELECT ${parentId}, (SELECT count(*)::int FROM "ApiKey" k
                            WHERE k."workspaceId" = ${caller.workspaceId}
                              AND (k.id IN (SELECT id FROM visible)) IS TRUE AND ${link}) AS count
        FROM ${parents}`
    const counts = new Map(rows.map(({ id, count }) => [id, count]))
    return ids.map((id) => counts.get(id) ?? 0)
  })
