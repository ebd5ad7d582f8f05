import type { Caller } from '../../auth/caller.ts'
import { holdsIn } from '../../auth/policy.ts'
import type { Role } from '../../auth/roles.ts'
import { type NestedListing, parentId } from '../../db/nested-pages.ts'
import { containing, none } from '../../db/where.ts'
import { Prisma, type UserKind } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import type { ServiceContext } from '../../service-context.ts'

/** The members that the caller sees: all present ones of the workspace. */
export const visibleMembers = ({ workspaceId }: Caller): Prisma.MemberWhereInput => ({
  workspaceId,
  removedAt: null,
})

/** The same in SQL, of those who were added to each space in turn. */
export const membersOfSpaces = ({ workspaceId }: Caller): NestedListing => ({
  from: Prisma.sql`"Member" m`,
  alias: Prisma.sql`m`,
  where: Prisma.sql`m."workspaceId" = ${workspaceId} AND m."removedAt" IS NULL`,
  tie: Prisma.sql`EXISTS (
    SELECT 1 FROM "SpaceMember" sm
     WHERE sm."workspaceId" = m."workspaceId" AND sm."memberId" = m.id AND sm."spaceId" = ${parentId})`,
})

type Reader = Pick<ServiceContext, 'deps' | 'caller'>

/** What a list of members is narrowed by. */
export interface MemberFilter {
  readonly kind?: UserKind | null | undefined
  readonly role?: Role | null | undefined
  readonly spaceId?: string | null | undefined
  readonly search?: string | null | undefined
}

/** Those who were added to the space, if the caller sees it: a use of the space. */
function addedTo({ deps, caller }: Reader, spaceId: string): Prisma.MemberWhereInput {
  if (!isId(spaceId) || !holdsIn(caller.rights, 'spaces:read', spaceId)) return none
  deps.usage.usedRights(caller, [], [spaceId])
  return { spaces: { some: { spaceId } } }
}

export const memberFilter = (
  reader: Reader,
  { kind, role, spaceId, search }: MemberFilter,
): Prisma.MemberWhereInput => ({
  ...(kind && { user: { kind } }),
  ...(role && { role }),
  ...(typeof spaceId === 'string' && addedTo(reader, spaceId)),
  ...(search && { OR: [{ name: containing(search) }, { email: containing(search) }] }),
})
