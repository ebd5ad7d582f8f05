import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { liveTokenSpacesWhere } from '../../auth/token-record.ts'
import { idsAmong, isNoneOf, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { isNoOther, none } from '../../db/where.ts'
import { AccessTokenStatus, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { spacesReached } from '../space/space.visibility.ts'

/** A token sees itself, a key its own, and a person who has signed in those of every key of theirs. */
function itselfOrTheirs(caller: Caller): Prisma.AccessTokenWhereInput {
  if (caller.kind === 'HUMAN') return { key: { ownerId: caller.user.id } }
  return caller.kind === 'ACCESS_TOKEN' ? { id: caller.tokenId } : { keyId: caller.key.id }
}

/** What a token names beyond the caller's reach; deleted spaces are nothing to it. */
function beyondReach(caller: Caller): Prisma.AccessTokenSpaceWhereInput {
  const reached = spacesReached(caller)
  return Array.isArray(reached)
    ? { spaceId: { notIn: reached }, space: { deletedAt: null } }
    : { space: { deletedAt: null, NOT: reached } }
}

/** The tokens of the workspace that the caller's role reaches. */
export const tokensByRole = ({ workspaceId, user }: Caller): Prisma.AccessTokenWhereInput => ({
  workspaceId,
  ...(onlyOwnKeys(user.role) && { key: { ownerId: user.id } }),
})

/**
 * The tokens that the caller sees: with all spaces every one; else those that name only spaces
 * within reach, those for all spaces of their own user by a credential for all spaces, and their
 * own. Of these, only their own user's where the role's permissions on tokens end there.
 */
export function visibleTokens(caller: Caller): Prisma.AccessTokenWhereInput {
  const { rights, user } = caller
  if (rights.allSpaces) return tokensByRole(caller)
  return {
    ...tokensByRole(caller),
    OR: [
      itselfOrTheirs(caller),
      { allSpaces: false, spaces: { none: beyondReach(caller) } },
      ...(caller.allSpaces ? [{ allSpaces: true, key: { ownerId: user.id } }] : []),
    ],
  }
}

const isSelfOrOwned = (caller: Caller): Prisma.Sql => {
  if (caller.kind === 'HUMAN') return Prisma.sql`k."ownerId" = ${caller.user.id}`
  if (caller.kind === 'ACCESS_TOKEN') return Prisma.sql`t.id = ${caller.tokenId}`
  return Prisma.sql`t."keyId" = ${caller.key.id}`
}

/** `visibleTokens` in SQL: whether the caller sees the token `t` of the key `k`. */
function isVisibleToken(caller: Caller): Prisma.Sql {
  const { workspaceId, rights, user } = caller
  const conditions = [Prisma.sql`t."workspaceId" = ${workspaceId}`]
  if (onlyOwnKeys(user.role)) conditions.push(Prisma.sql`k."ownerId" = ${user.id}`)
  if (!rights.allSpaces)
    conditions.push(Prisma.sql`(${isSelfOrOwned(caller)}
      OR (NOT t."allSpaces" AND NOT EXISTS (${liveTokenSpacesWhere(
        isNoneOf(Prisma.sql`named.id`, [...rights.spaces.keys()]),
      )}))
      OR (t."allSpaces" AND ${caller.allSpaces} AND k."ownerId" = ${user.id}))`)
  return Prisma.join(conditions, ' AND ')
}

const tokens = {
  from: Prisma.sql`"AccessToken" t
    JOIN "ApiKey" k ON k."workspaceId" = t."workspaceId" AND k.id = t."keyId"`,
  alias: Prisma.sql`t`,
}

/** Those of the ids whose tokens the caller sees. */
export const tokensSeen = (
  db: Queryable,
  caller: Caller,
  ids: readonly string[],
): Promise<string[]> => idsAmong(db, { ...tokens, where: isVisibleToken(caller) }, ids)

/** The visible tokens of each key in turn. */
export const tokensOfKeys = (caller: Caller): NestedListing => ({
  ...tokens,
  where: isVisibleToken(caller),
  tie: Prisma.sql`t."keyId" = ${parentId}`,
})

/** What a status takes of a token as it is stored: the state of others is not worked out. */
const takes: Partial<Record<AccessTokenStatus, Prisma.AccessTokenWhereInput>> = {
  REVOKED: { revokedAt: { not: null } },
  ROTATED: { rotatedAt: { not: null } },
}

/** What a list of tokens is narrowed by. */
export interface AccessTokenFilter {
  readonly status?: AccessTokenStatus | null | undefined
  /** The keys that they are of, as far as the caller sees these or is one of them. */
  readonly keyIds?: readonly string[] | undefined
  readonly ownerId?: string | null | undefined
}

export const accessTokenFilter = ({
  status,
  keyIds,
  ownerId,
}: AccessTokenFilter): Prisma.AccessTokenWhereInput => ({
  AND: [
    status ? { ...takes[status], state: { status: isNoOther(status, AccessTokenStatus) } } : {},
    keyIds ? { keyId: { in: [...keyIds] } } : {},
    typeof ownerId === 'string' ? (isId(ownerId) ? { key: { ownerId } } : none) : {},
  ],
})
