import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holdsIn, spacesWith } from '../../auth/policy.ts'
import { type NestedListing, parentId } from '../../db/nested-pages.ts'
import { containing } from '../../db/where.ts'
import { RequestError } from '../../errors.ts'
import { Prisma, type SpaceVisibility } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'

/** Beyond so many ids a list of spaces is asked for by what leads to it. */
const manyIds = 1_000
/** A statement takes 32,767 parameters, and unanimity names each id twice. */
const mostIds = 10_000

/** What the caller's role reaches by itself. */
const reachedByRole = ({ user }: Caller): Prisma.SpaceWhereInput => ({
  deletedAt: null,
  OR: [{ visibility: 'OPEN' }, { members: { some: { memberId: user.memberId } } }],
})

/** Spaces of a caller, in a statement: these, or as a condition. */
export type SpacesOfCaller = string[] | Prisma.SpaceWhereInput

/**
 * The spaces in which the caller holds the permission: every one, these, or as a condition. A
 * credential that is not limited to a list holds it wherever its user's role reaches, if anywhere.
 *
 * @throws RequestError QUERY_TOO_COMPLEX for a credential that names more than a statement takes
 */
export function spacesHeld(caller: Caller, permission: PermissionName): 'all' | SpacesOfCaller {
  const ids = spacesWith(caller.rights, permission)
  return ids === 'all' ? ids : inStatement(caller, ids)
}

/**
 * The spaces within reach of a caller without all spaces, whatever they may do there.
 *
 * @throws RequestError QUERY_TOO_COMPLEX as `spacesHeld`
 */
export const spacesReached = (caller: Caller): SpacesOfCaller =>
  inStatement(caller, [...caller.rights.spaces.keys()])

function inStatement(caller: Caller, ids: string[]): SpacesOfCaller {
  if (ids.length <= manyIds) return ids
  if (caller.allSpaces) return reachedByRole(caller)
  if (ids.length <= mostIds) return ids
  const most = mostIds.toLocaleString('en-US')
  throw new RequestError(
    'QUERY_TOO_COMPLEX',
    `A list takes at most ${most} spaces; ask with a credential that names fewer, or none.`,
  )
}

/** The spaces that the caller sees: those in which they hold spaces:read. */
export function visibleSpaces(caller: Caller): Prisma.SpaceWhereInput {
  const live = { workspaceId: caller.workspaceId, deletedAt: null }
  const held = spacesHeld(caller, 'spaces:read')
  if (held === 'all') return live
  return Array.isArray(held) ? { ...live, id: { in: held } } : { ...held, ...live }
}

/** The same, of those of these ids: what is checked here needs no list of all that are within reach. */
export const visibleSpacesOf = (
  { workspaceId, rights }: Caller,
  ids: readonly string[],
): Prisma.SpaceWhereInput => ({
  workspaceId,
  deletedAt: null,
  id: { in: ids.filter((id) => isId(id) && holdsIn(rights, 'spaces:read', id)) },
})

/** `visibleSpaces` in SQL, of those that each member in turn was added to. */
export function spacesOfMembers({ workspaceId, rights }: Caller): NestedListing {
  const ids = spacesWith(rights, 'spaces:read')
  const isHeld = ids === 'all' ? Prisma.sql`TRUE` : Prisma.sql`s.id = ANY(${ids}::text[])`
  return {
    from: Prisma.sql`"Space" s`,
    alias: Prisma.sql`s`,
    where: Prisma.sql`s."workspaceId" = ${workspaceId} AND s."deletedAt" IS NULL AND ${isHeld}`,
    tie: Prisma.sql`EXISTS (
      SELECT 1 FROM "SpaceMember" sm
       WHERE sm."workspaceId" = s."workspaceId" AND sm."spaceId" = s.id AND sm."memberId" = ${parentId})`,
    isShared: true,
  }
}

/** What a list of spaces is narrowed by. */
export interface SpaceFilter {
  readonly visibility?: SpaceVisibility | null | undefined
  readonly search?: string | null | undefined
}

export const spaceFilter = ({ visibility, search }: SpaceFilter): Prisma.SpaceWhereInput => ({
  ...(visibility && { visibility }),
  ...(search && { name: containing(search) }),
})
