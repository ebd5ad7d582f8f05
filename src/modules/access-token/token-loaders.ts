import type { Context } from '../../context.ts'
import { findOne } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { type AccessTokenRow, accessTokens } from './access-token.queries.ts'

/** The calling token itself: reading it takes no permission. Null for every other caller. */
export function ownToken({ deps, principal }: Context): Promise<AccessTokenRow | null> {
  if (principal.kind !== 'ACCESS_TOKEN') return Promise.resolve(null)
  const where = Prisma.sql`t."workspaceId" = ${principal.workspaceId}`
  return findOne(deps.prisma, { ...accessTokens, where }, principal.tokenId)
}
