import type { Caller } from '../../auth/caller.ts'
import { all, contains, equalsId } from '../../db/conditions.ts'
import { type Member, Prisma, type UserKind } from '../../generated/prisma/client.ts'
import { inSpacesWith } from '../space/space.queries.ts'

/** A membership with the kind of its user. */
export interface MemberRow extends Member {
  readonly kind: UserKind
}

/** The listed table of members, with their users. */
export const members = {
  from: Prisma.sql`"Member" m JOIN "User" u ON u.id = m."userId"`,
  alias: Prisma.sql`m`,
  columns: Prisma.sql`m.*, u.kind`,
}

/** The members that the caller sees: all present ones of the workspace. */
export const visibleMembers = (caller: Caller): Prisma.Sql =>
  Prisma.sql`m."workspaceId" = ${caller.workspaceId} AND m."removedAt" IS NULL`

const inSpace = Prisma.sql`sm."spaceId"`

/** Those entered as members of a space that fulfils the condition on `sm."spaceId"`. */
const membersWithSpace = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT 1 FROM "SpaceMember" sm
   WHERE sm."workspaceId" = m."workspaceId" AND sm."memberId" = m.id AND ${condition})`

/** Those entered as members of one space, as a column names it. */
export const membersOfSpace = (spaceId: Prisma.Sql): Prisma.Sql =>
  membersWithSpace(Prisma.sql`${inSpace} = ${spaceId}`)

/** What a list of members is narrowed by. */
export interface MemberFilter {
  readonly kind?: 'HUMAN' | 'MACHINE' | null | undefined
  readonly role?: 'OWNER' | 'ADMIN' | 'BUILDER' | 'MEMBER' | null | undefined
  readonly spaceId?: string | null | undefined
  readonly search?: string | null | undefined
}

export function memberFilter(
  caller: Caller,
  { kind, role, spaceId, search }: MemberFilter,
): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  if (kind) conditions.push(Prisma.sql`u.kind = ${kind}::"UserKind"`)
  if (role) conditions.push(Prisma.sql`m.role = ${role}::"Role"`)
  if (typeof spaceId === 'string')
    conditions.push(
      membersWithSpace(
        Prisma.sql`${equalsId(inSpace, spaceId)} AND ${inSpacesWith(caller, 'spaces:read', inSpace)}`,
      ),
    )
  if (search)
    conditions.push(
      Prisma.sql`(${contains(Prisma.sql`m.name`, search)} OR ${contains(Prisma.sql`m.email`, search)})`,
    )
  return all(conditions)
}
