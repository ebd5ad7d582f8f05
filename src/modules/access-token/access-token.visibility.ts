import type { Caller } from '../../auth/caller.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { liveTokenSpacesWhere } from '../../auth/token-record.ts'
import { isNoneOf, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { hasId, isNoOther, none } from '../../db/where.ts'
import { AccessTokenStatus, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { visibleKeys } from '../api-key/api-key.visibility.ts'
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

/**
 * The tokens that the caller sees: with all spaces every one; else those that name only spaces
 * within reach, those for all spaces of their own user by a credential for all spaces, and their
 * own. Of these, only their own user's where the role's permissions on tokens end there.
 */
export function visibleTokens(caller: Caller): Prisma.AccessTokenWhereInput {
  const { workspaceId, rights, user } = caller
  const theirs = { key: { ownerId: user.id } }
  const ofRole = { workspaceId, ...(onlyOwnKeys(user.role) && theirs) }
  if (rights.allSpaces) return ofRole
  return {
    ...ofRole,
    OR: [
      itselfOrTheirs(caller),
      { allSpaces: false, spaces: { none: beyondReach(caller) } },
      ...(caller.allSpaces ? [{ allSpaces: true, ...theirs }] : []),
    ],
  }
}

const isItselfOrTheirs = (caller: Caller): Prisma.Sql => {
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
    conditions.push(Prisma.sql`(${isItselfOrTheirs(caller)}
      OR (NOT t."allSpaces" AND NOT EXISTS (${liveTokenSpacesWhere(
        isNoneOf(Prisma.sql`named.id`, [...rights.spaces.keys()]),
      )}))
      OR (t."allSpaces" AND ${caller.allSpaces} AND k."ownerId" = ${user.id}))`)
  return Prisma.join(conditions, ' AND ')
}

/** The same, of those of each key in turn. */
export const tokensOfKeys = (caller: Caller): NestedListing => ({
  from: Prisma.sql`"AccessToken" t
    JOIN "ApiKey" k ON k."workspaceId" = t."workspaceId" AND k.id = t."keyId"`,
  alias: Prisma.sql`t`,
  where: isVisibleToken(caller),
  tie: Prisma.sql`t."keyId" = ${parentId}`,
})

/** What a list of tokens is narrowed by. */
export interface AccessTokenFilter {
  readonly status?: AccessTokenStatus | null | undefined
  readonly apiKeyId?: string | null | undefined
  readonly ownerId?: string | null | undefined
}

/** The tokens of a key, if it is the caller's own or one that they see. */
const tokensOf = (caller: Caller, keyId: string): Prisma.AccessTokenWhereInput =>
  caller.key?.id === keyId ? { keyId } : { key: { AND: [visibleKeys(caller), hasId(keyId)] } }

export const accessTokenFilter = (
  caller: Caller,
  { status, apiKeyId, ownerId }: AccessTokenFilter,
): Prisma.AccessTokenWhereInput => ({
  AND: [
    status ? { state: { status: isNoOther(status, AccessTokenStatus) } } : {},
    typeof apiKeyId === 'string' ? tokensOf(caller, apiKeyId) : {},
    typeof ownerId === 'string' ? (isId(ownerId) ? { key: { ownerId } } : none) : {},
  ],
})
