import type { Caller, Principal } from '../../auth/caller.ts'
import { ceilings, isPromotion, type Role } from '../../auth/roles.ts'
import { hasId } from '../../db/where.ts'
import { userError } from '../../errors.ts'
import type { Member, UserKind } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import { maxNameLength } from '../../input/text.ts'
import type { OperatorContext, ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inTransactionOf,
  inWorkspaceTransaction,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { revokeDescendants } from '../api-key/revoke-descendants.ts'
import { assertAnotherOwner } from './last-owner.ts'
import { addMemberInput, updateMemberInput } from './member.input.ts'
import { visibleMembers } from './member.visibility.ts'
import {
  assertMayGiveLasting,
  assertMayGiveRole,
  assertMayTouchOwnersThings,
} from './role-grants.ts'

/** The ids of the spaces that every member reaches. */
export const openSpaceIds = async ({ db, workspace }: WorkspaceTransaction): Promise<string[]> => {
  const rows = await db.space.findMany({
    where: { workspaceId: workspace.id, visibility: 'OPEN', deletedAt: null },
    select: { id: true },
  })
  return rows.map(({ id }) => id)
}

type MemberToChange = Member & { readonly user: { readonly kind: UserKind } }

/** @throws UserInputError NOT_FOUND for an id that no present member of the workspace has */
async function findMember(c: CallerTransaction, id: string): Promise<MemberToChange> {
  const member = await c.db.member.findFirst({
    where: { AND: [visibleMembers(c.caller), hasId(id)] },
    include: { user: true },
  })
  if (member === null) throw userError('NOT_FOUND', ['input', 'id'], 'There is no such member.')
  return member
}

/** Enters a human by e-mail, with a role that the caller may give; the operator, any. */
export function addMember(
  context: ServiceContext | OperatorContext,
  input: Given<typeof addMemberInput>,
): Promise<Member> {
  const { email, role, name: given } = readInput(addMemberInput, input)
  // Addresses may be longer than names.
  const name = given ?? [...email].slice(0, maxNameLength).join('')
  return inTransactionOf(context, { permission: 'members:create' }, async (c) => {
    const path = ['input', 'role']
    if (c.caller !== null) {
      assertMayGiveLasting(c.caller, path)
      assertMayGiveRole(c.caller, role, await openSpaceIds(c), path)
    }
    const where = { workspaceId: c.workspace.id, emailKey: emailKey(email) }
    if (await c.db.member.findUnique({ where: { workspaceId_emailKey: where } }))
      throw userError('CONFLICT', ['input', 'email'], 'Somebody with this e-mail is a member.')
    const shown = { name, email, role }
    return createMember(c, 'HUMAN', { ...shown, emailKey: where.emailKey }, shown)
  })
}

/** Creates a user of its own with its membership, and records the event. */
export async function createMember(
  c: WorkspaceTransaction,
  kind: UserKind,
  data: { name: string; role: Role; email?: string; emailKey?: string },
  shown: object,
): Promise<Member> {
  const user = await c.db.user.create({ data: { id: newId('usr'), kind, createdAt: c.now } })
  const member = await c.db.member.create({
    data: {
      ...data,
      workspaceId: c.workspace.id,
      id: newId('mem'),
      userId: user.id,
      createdAt: c.now,
    },
  })
  const changes = changesBetween({}, { kind, ...shown })
  c.record({ action: 'member.added', targetId: member.id, targetName: member.name, changes })
  return member
}

/** Changes a member's role or name here. A new role shrinks or widens their keys at once. */
export function updateMember(
  context: ServiceContext,
  input: Given<typeof updateMemberInput>,
): Promise<Member> {
  const { id, ...fields } = readInput(updateMemberInput, input)
  return inWorkspaceTransaction(context, { permission: 'members:update' }, async (c) => {
    const member = await findMember(c, id)
    assertMayTouchOwnersThings(c.caller, member)
    const { name, role } = { ...member, ...fields }
    const shown = { name, role }
    const changes = changesBetween<typeof shown>(member, shown)
    if (changes.length === 0) return member
    if (shown.role !== member.role) await assertMayChangeRole(c, member, shown.role)
    c.record({ action: 'member.updated', targetId: member.id, targetName: member.name, changes })
    await c.db.member.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: member.id } },
      data: shown,
    })
    return { ...member, ...shown }
  })
}

async function assertMayChangeRole(
  c: CallerTransaction,
  member: MemberToChange,
  role: Role,
): Promise<void> {
  if (member.user.kind === 'MACHINE') assertMachineRole(role)
  const path = ['input', 'role']
  if (isPromotion(member.role, role)) assertMayGiveLasting(c.caller, path)
  assertMayGiveRole(c.caller, role, await openSpaceIds(c), path)
  if (member.role === 'OWNER') await assertAnotherOwner(c, member)
}

/** @throws UserInputError INVALID: no machine user can own a workspace */
export function assertMachineRole(role: Role): void {
  if (ceilings[role].has('members:own'))
    throw userError('INVALID', ['input', 'role'], 'A machine user is at most ADMIN.')
}

export interface RemovedMember {
  readonly member: Member
  readonly revokedKeyCount: number
}

/**
 * Whether a person leaves by their own sign-in, which takes no permission. A key or token is not its
 * owner: a stolen one must not take the membership, and with it every other key.
 */
export const leavesByItself = (principal: Principal, id: string): boolean =>
  principal.kind === 'HUMAN' && principal.workspaceId !== null && principal.user.memberId === id

export interface RemoveMemberInput {
  readonly id: string
  readonly revokeCreated?: boolean | null | undefined
}

/**
 * Removes a member; the user's keys in this workspace are revoked with it, for good. With
 * `revokeCreated` so are the keys of others that they made or were given the present secret of, and
 * what came of these: it takes what revoking each of them takes.
 */
export function removeMember(
  context: ServiceContext,
  { id, revokeCreated }: RemoveMemberInput,
): Promise<RemovedMember> {
  const permission = (caller: Caller) => (leavesByItself(caller, id) ? null : 'members:delete')
  return inWorkspaceTransaction(context, { permission }, async (c) => {
    const member = await findMember(c, id)
    assertMayTouchOwnersThings(c.caller, member)
    if (member.role === 'OWNER') await assertAnotherOwner(c, member)
    const revocation = { revokedById: c.caller.user.id, reason: 'maker removed' }
    const created = revokeCreated
      ? await revokeDescendants(c, c.caller, { userId: member.userId }, revocation)
      : 0
    const { count } = await c.db.apiKey.updateMany({
      where: { workspaceId: c.workspace.id, ownerId: member.userId, revokedAt: null },
      data: {
        revokedAt: c.now,
        revokedById: c.caller.user.id,
        revocationReason: 'owner removed',
        ownerRemoved: true,
        nameKey: null,
        updatedAt: c.now,
      },
    })
    await revokeTokens(c, { key: { ownerId: member.userId } })
    const its = { workspaceId: c.workspace.id, memberId: member.id }
    await c.db.spaceMember.deleteMany({ where: its })
    await c.db.member.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: member.id } },
      data: { removedAt: c.now, emailKey: null },
    })
    const revokedKeyCount = count + created
    c.record({
      action: 'member.removed',
      targetId: member.id,
      targetName: member.name,
      changes: [{ field: 'revokedKeyCount', before: 0, after: revokedKeyCount }],
    })
    return { member: { ...member, removedAt: c.now }, revokedKeyCount }
  })
}
