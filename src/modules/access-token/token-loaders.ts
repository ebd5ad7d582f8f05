import type { Context, DataLoader } from '../../context.ts'
import { findOne } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { type AccessTokenRow, accessTokens } from './access-token.queries.ts'

/** The calling token itself: reading it takes no permission. Null for every other caller. */
export function ownToken({ deps, principal }: Context): Promise<AccessTokenRow | null> {
  if (principal.kind !== 'ACCESS_TOKEN') return Promise.resolve(null)
  const where = Prisma.sql`t."workspaceId" = ${principal.workspaceId}`
  return findOne(deps.prisma, { ...accessTokens, where }, principal.tokenId)
}

/** The ids of the spaces that a token was minted for and that are not deleted. */
export const tokenSpaceIdsLoader = (context: Context): DataLoader<string[]> =>
  context.batch('accessToken.spaceIds', async (ids) => {
    const { deps, budget, caller } = context
    const its = Prisma.sql`"AccessToken" t
      WHERE t."workspaceId" = ${caller.workspaceId} AND t.id = ANY(${ids}::text[])`
    const [sum] = await deps.prisma.$queryRaw<{ bytes: number | null }[]>`
      SELECT sum(octet_length(array_to_string(t."spaceIds", '')))::float8 AS bytes FROM ${its}`
    budget.countRead(sum?.bytes ?? 0)
    // IS TRUE has the spaces of the workspace hashed once, instead of looked up for each token.
    const isLive = Prisma.sql`(named.id IN (SELECT s.id FROM "Space" s
      WHERE s."workspaceId" = ${caller.workspaceId} AND s."deletedAt" IS NULL)) IS TRUE`
    const rows = await deps.prisma.$queryRaw<{ id: string; spaceIds: string[] }[]>`
      SELECT t.id, ARRAY(SELECT named.id FROM unnest(t."spaceIds") AS named (id)
                          WHERE ${isLive} ORDER BY named.id) AS "spaceIds"
        FROM ${its}`
    const byToken = new Map(rows.map(({ id, spaceIds }) => [id, spaceIds]))
    return ids.map((id) => byToken.get(id) ?? [])
  })
