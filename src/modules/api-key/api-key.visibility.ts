import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { idsAmong, isNoneOf, type NestedListing, parentId } from '../../db/nested-pages.ts'
import { none } from '../../db/where.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { spacesReached } from '../space/space.visibility.ts'

/** A key sees itself; a person who has signed in, every key of theirs. */
function itselfOrTheirs(caller: Caller): Prisma.ApiKeyWhereInput {
  if (caller.kind === 'HUMAN') return { ownerId: caller.user.id }
  return caller.kind === 'API_KEY' ? { id: caller.key.id } : none
}

/** What a key names beyond the caller's reach. */
function beyondReach(caller: Caller): Prisma.SpaceGrantWhereInput {
  const reached = spacesReached(caller)
  return Array.isArray(reached) ? { spaceId: { notIn: reached } } : { space: { NOT: reached } }
}

/** The keys of the workspace that the caller's role reaches. */
export const keysByRole = ({ workspaceId, user }: Caller): Prisma.ApiKeyWhereInput => ({
  workspaceId,
  ...(onlyOwnKeys(user.role) && { ownerId: user.id }),
})

/**
 * The keys that the caller sees: with all spaces every one; else those that name only spaces within
 * reach, their owner's keys for all spaces by a credential for all spaces, itself, and all of one's
 * own by one's sign-in. Of these, only their own where the role's permissions on keys end there. A
 * user-level key is more than what it is here: without all spaces only itself and its owner's sign-in
 * see it.
 */
export function visibleKeys(caller: Caller): Prisma.ApiKeyWhereInput {
  const { rights, user } = caller
  if (rights.allSpaces) return keysByRole(caller)
  const ordinary: Prisma.ApiKeyWhereInput[] = [
    { allSpaces: false, grants: { none: beyondReach(caller) } },
    ...(caller.allSpaces ? [{ allSpaces: true, ownerId: user.id }] : []),
  ]
  return { ...keysByRole(caller), OR: [itselfOrTheirs(caller), { userLevel: false, OR: ordinary }] }
}

/**
 * EXISTS would leave it to the planner's estimates whether all grants are scanned for it; in the order
 * of their index those of the key are read up to the first that is beyond reach.
 */
const reachesAllItNames = ({ rights }: Caller): Prisma.Sql => Prisma.sql`(
  SELECT TRUE FROM "SpaceGrant" g WHERE g."workspaceId" = k."workspaceId" AND g."keyId" = k.id
     AND ${isNoneOf(Prisma.sql`g."spaceId"`, [...rights.spaces.keys()])}
   ORDER BY g."spaceId" LIMIT 1) IS NULL`

const isSelfOrOwned = (caller: Caller): Prisma.Sql => {
  if (caller.kind === 'HUMAN') return Prisma.sql`k."ownerId" = ${caller.user.id}`
  return caller.kind === 'API_KEY' ? Prisma.sql`k.id = ${caller.key.id}` : Prisma.sql`FALSE`
}

/** `visibleKeys` in SQL: whether the caller sees the key `k`. */
export function isVisibleKey(caller: Caller): Prisma.Sql {
  const { workspaceId, rights, user } = caller
  const conditions = [Prisma.sql`k."workspaceId" = ${workspaceId}`]
  if (onlyOwnKeys(user.role)) conditions.push(Prisma.sql`k."ownerId" = ${user.id}`)
  if (!rights.allSpaces)
    conditions.push(Prisma.sql`(${isSelfOrOwned(caller)}
      OR (NOT k."userLevel" AND NOT k."allSpaces" AND ${reachesAllItNames(caller)})
      OR (NOT k."userLevel" AND k."allSpaces" AND ${caller.allSpaces} AND k."ownerId" = ${user.id}))`)
  return Prisma.join(conditions, ' AND ')
}

/** Whether the key `k` is a member's. */
export const isOwned = Prisma.sql`k."ownerId" = ${parentId}`

/** Whether the key `k` links to a scope. */
export const linksTo = (scopeId: Prisma.Sql): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT 1 FROM "ApiKeyScope" kl
   WHERE kl."workspaceId" = k."workspaceId" AND kl."keyId" = k.id AND kl."scopeId" = ${scopeId})`

const keys = { from: Prisma.sql`"ApiKey" k`, alias: Prisma.sql`k` }

/** Those of the ids whose keys the caller sees. */
export const keysSeen = (
  db: Queryable,
  caller: Caller,
  ids: readonly string[],
): Promise<string[]> => idsAmong(db, { ...keys, where: isVisibleKey(caller) }, ids)

const keysTied = (caller: Caller, tie: Prisma.Sql): NestedListing => ({
  ...keys,
  where: isVisibleKey(caller),
  tie,
})

/** The visible keys of each member in turn, by the ids of their users. */
export const keysOfMembers = (caller: Caller): NestedListing => keysTied(caller, isOwned)

/** The visible keys that link to each scope in turn. */
export const keysOfScopes = (caller: Caller): NestedListing => ({
  ...keysTied(caller, linksTo(parentId)),
  isShared: true,
})

/** The visible keys of each space in turn: those that name it, and those for all spaces. */
export function keysOfSpaces(caller: Caller): NestedListing {
  const links = Prisma.sql`SELECT sg."keyId" FROM "SpaceGrant" sg
    WHERE sg."workspaceId" = ${caller.workspaceId} AND sg."spaceId" = ${parentId}`
  const tie = Prisma.sql`NOT k."allSpaces" AND k.id IN (${links})`
  const common = Prisma.sql`k."allSpaces"`
  return { ...keysTied(caller, tie), isShared: true, links, common }
}
