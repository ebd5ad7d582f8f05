import { holds } from '../../auth/policy.ts'
import { hasId } from '../../db/where.ts'
import { userError } from '../../errors.ts'
import type { Member, Space } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { visibleMembers } from '../member/member.visibility.ts'
import { assertMayAdmit, assertUnbounded } from '../member/role-grants.ts'
import { spaceToChange } from './space.service.ts'

export interface SpaceMemberInput {
  readonly spaceId: string
  readonly memberId: string
}

async function findBoth(
  c: CallerTransaction,
  { spaceId, memberId }: SpaceMemberInput,
): Promise<{ space: Space; member: Member }> {
  const space = await spaceToChange(c, spaceId, 'spaces:update', ['input', 'spaceId'])
  const { rights, user } = c.caller
  // Whoever may not read members knows of nobody but themselves.
  const isReadable = memberId === user.memberId || holds(rights, 'members:read')
  const where = { AND: [visibleMembers(c.caller), hasId(memberId)] }
  const member = isReadable ? await c.db.member.findFirst({ where }) : null
  if (member === null)
    throw userError('NOT_FOUND', ['input', 'memberId'], 'There is no such member.')
  return { space, member }
}

/** Lets a member into a space: the caller needs, there, all that the member's role can do. */
export const addSpaceMember = (context: ServiceContext, input: SpaceMemberInput): Promise<Space> =>
  inWorkspaceTransaction(context, { permission: 'spaces:update' }, async (c) => {
    const { space, member } = await findBoth(c, input)
    const path = ['input', 'memberId']
    assertUnbounded(c.caller, path)
    assertMayAdmit(c.caller, member.role, space.id, path)
    const { count } = await c.db.spaceMember.createMany({
      data: { workspaceId: c.workspace.id, spaceId: space.id, memberId: member.id },
      skipDuplicates: true,
    })
    if (count > 0)
      c.record({
        action: 'space.member_added',
        targetId: space.id,
        targetName: space.name,
        changes: [{ field: 'member', before: null, after: member.id }],
      })
    return space
  })

/** Takes a member out of a space; for who is not in it, nothing changes. */
export const removeSpaceMember = (
  context: ServiceContext,
  input: SpaceMemberInput,
): Promise<Space> =>
  inWorkspaceTransaction(context, { permission: 'spaces:update' }, async (c) => {
    const { space, member } = await findBoth(c, input)
    const { count } = await c.db.spaceMember.deleteMany({
      where: { workspaceId: c.workspace.id, spaceId: space.id, memberId: member.id },
    })
    if (count > 0)
      c.record({
        action: 'space.member_removed',
        targetId: space.id,
        targetName: space.name,
        changes: [{ field: 'member', before: member.id, after: null }],
      })
    return space
  })
