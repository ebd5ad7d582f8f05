import { type AccessToken, type AccessTokenState, Prisma } from '../../generated/prisma/client.ts'
import type { Context, DataLoader } from '../../schema/context.ts'

/** The calling token itself: reading it takes no permission. Null for every other caller. */
export async function ownToken(
  { deps, principal }: Context,
  plan: Prisma.AccessTokenDefaultArgs,
): Promise<AccessToken | null> {
  if (principal.kind !== 'ACCESS_TOKEN') return null
  const { workspaceId, tokenId: id } = principal
  const where = { workspaceId_id: { workspaceId, id } }
  return await deps.prisma.accessToken.findUnique({ ...plan, where })
}

/** What each of the tokens is now. For tokens that the caller has been shown. */
export const tokenStateLoader = (context: Context): DataLoader<AccessTokenState> =>
  context.loader('accessToken.state', async (ids) => {
    const { deps, caller } = context
    const where = { workspaceId: caller.workspaceId, tokenId: { in: [...ids] } }
    const states = await deps.prisma.accessTokenState.findMany({ where })
    const byToken = new Map(states.map((state) => [state.tokenId, state]))
    return ids.map((id) => byToken.get(id) ?? new Error('a token has a state'))
  })

/** The ids of the spaces that a token was minted for and that are not deleted. */
export const tokenSpaceIdsLoader = (context: Context): DataLoader<string[]> =>
  context.loader('accessToken.spaceIds', async (ids) => {
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
