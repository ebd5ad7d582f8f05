import type { Context, DataLoader } from '../../context.ts'
import { parentId } from '../../db/page.ts'
import type { Prisma } from '../../generated/prisma/client.ts'
import { visibleKeys } from './api-key.queries.ts'

/** How many keys tied to each parent by `link` the caller sees: what the parent's own list holds. */
export const keyCounts = (context: Context, name: string, link: Prisma.Sql): DataLoader<number> =>
  context.batch(`keyCount ${name}`, async (parents) => {
    const rows = await context.deps.prisma.$queryRaw<{ id: string; count: number }[]>`
      SELECT ${parentId}, (SELECT count(*)::int FROM "ApiKey" k
                            WHERE ${visibleKeys(context.caller)} AND ${link}) AS count
        FROM unnest(${parents}::text[]) AS parent (id)`
    const counts = new Map(rows.map(({ id, count }) => [id, count]))
    return parents.map((id) => counts.get(id) ?? 0)
  })
