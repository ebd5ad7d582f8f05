import type { Member } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/**
 * Gives a membership, with what its user owns in the workspace, to another user. Where that user was
 * a member before, the old membership comes back as this one says; keys revoked with it stay so.
 *
 * @returns the membership as it is now; undefined, and nothing is changed, for who is a member
 */
export async function reassignMembership(
  c: WorkspaceTransaction,
  member: Member,
  userId: string,
): Promise<Member | undefined> {
  const { db, workspace } = c
  const key = { workspaceId_userId: { workspaceId: workspace.id, userId } }
  const former = await db.member.findUnique({ where: key })
  if (former !== null) return former.removedAt === null ? undefined : comeBack(c, member, former)
  // Whatever refers to the member by its user follows: the foreign keys cascade.
  return await db.member.update({
    where: { workspaceId_id: { workspaceId: workspace.id, id: member.id } },
    data: { userId },
  })
}

async function comeBack(c: WorkspaceTransaction, member: Member, former: Member): Promise<Member> {
  const { db, workspace, now } = c
  const { role, name, email, emailKey } = member
  const memberWith = (id: string) => ({ workspaceId_id: { workspaceId: workspace.id, id } })
  // First, because an address has one membership.
  await db.member.update({
    where: memberWith(member.id),
    data: { removedAt: now, emailKey: null },
  })
  await passBelongings(c, member, former)
  return await db.member.update({
    where: memberWith(former.id),
    data: { role, name, email, emailKey, removedAt: null },
  })
}

/** Every column that refers to a member. */
async function passBelongings(
  { db, workspace }: WorkspaceTransaction,
  from: Member,
  to: Member,
): Promise<void> {
  const workspaceId = workspace.id
  const [own, theirs] = [from.userId, to.userId]
  await db.apiKey.updateMany({ where: { workspaceId, ownerId: own }, data: { ownerId: theirs } })
  await db.apiKey.updateMany({
    where: { workspaceId, revokedById: own },
    data: { revokedById: theirs },
  })
  await db.apiKeySecret.updateMany({
    where: { workspaceId, receiverId: own },
    data: { receiverId: theirs },
  })
  const made = { where: { workspaceId, createdById: own }, data: { createdById: theirs } }
  await db.apiKey.updateMany(made)
  await db.agent.updateMany(made)
  await db.session.updateMany(made)
  await db.run.updateMany(made)
  await db.document.updateMany(made)
  await db.spaceMember.updateMany({
    where: { workspaceId, memberId: from.id },
    data: { memberId: to.id },
  })
}
