import { findAll } from '../../db/where.ts'
import type { Deps } from '../../deps.ts'
import type { Member, User } from '../../generated/prisma/client.ts'

/** A present member with their user. */
export interface MemberOfList extends Member {
  readonly user: User
}

/** Lists the present members of a workspace for the operator, newest first. */
export const listMembers = (
  { prisma }: Pick<Deps, 'prisma'>,
  workspaceId: string,
): Promise<MemberOfList[]> =>
  findAll({ workspaceId, removedAt: null }, (query) =>
    prisma.member.findMany({ ...query, include: { user: true } }),
  )
