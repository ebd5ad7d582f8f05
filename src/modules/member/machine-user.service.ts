import { holdsIn } from '../../auth/policy.ts'
import type { Role } from '../../auth/roles.ts'
import { forbidden } from '../../errors.ts'
import type { Member } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import { createMachineUserInput } from './member.input.ts'
import { assertMachineRole, createMember, openSpaceIds } from './member.service.ts'
import { assertMayAdmit, assertMayGiveRole } from './role-grants.ts'

/** A user for an integration: it belongs to this workspace, cannot sign in and is at most ADMIN. */
export function createMachineUser(
  context: ServiceContext,
  input: Given<typeof createMachineUserInput>,
): Promise<Member> {
  const { name, role, spaceIds } = readInput(createMachineUserInput, input)
  assertMachineRole(role)
  return inWorkspaceTransaction(context, { permission: 'members:create' }, async (c) => {
    assertMayGiveRole(c.caller, role, await openSpaceIds(c), ['input', 'role'])
    await assertMayAdmitToAll(c, role, spaceIds)
    const shown = { name, role }
    const member = await createMember(c, 'MACHINE', shown, { ...shown, spaceIds })
    const its = { workspaceId: c.workspace.id, memberId: member.id }
    const rows = spaceIds.map((spaceId) => ({ ...its, spaceId }))
    c.insert('SpaceMember', rows)
    return member
  })
}

async function assertMayAdmitToAll(
  c: CallerTransaction,
  role: Role,
  spaceIds: readonly string[],
): Promise<void> {
  const problems = new ValidationErrors()
  await validateSpaceReach(c, problems, spaceIds, (index) => ['spaceIds', index])
  problems.throwIfAny()
  spaceIds.forEach((id, index) => {
    if (!holdsIn(c.caller.rights, 'spaces:update', id))
      throw forbidden(['spaces:update'], ['spaces:update'])
    assertMayAdmit(c.caller, role, id, ['input', 'spaceIds', String(index)])
  })
}
