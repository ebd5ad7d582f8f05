import { holdsIn } from '../../auth/policy.ts'
import type { Role } from '../../auth/roles.ts'
import { forbidden } from '../../errors.ts'
import type { Member } from '../../generated/prisma/client.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameInput } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import { assertMachineRole, createMember, openSpaceIds } from './member.service.ts'
import { assertMayAdmit, assertMayGiveRole } from './role-grants.ts'

const maxSpaces = 1_000

export interface CreateMachineUserInput {
  readonly name: string
  readonly role: Role
  readonly spaceIds?: readonly string[] | null | undefined
}

/** A user for an integration: it belongs to this workspace, cannot sign in and is at most ADMIN. */
export function createMachineUser(
  context: ServiceContext,
  input: CreateMachineUserInput,
): Promise<Member> {
  const problems = new ValidationErrors()
  const name = nameInput(problems, ['name'], input.name)
  const spaceIds = input.spaceIds ?? []
  if (spaceIds.length > maxSpaces)
    problems.add('INVALID', ['spaceIds'], `At most ${maxSpaces} spaces are possible.`)
  problems.throwIfAny()
  assertMachineRole(input.role)
  return inWorkspaceTransaction(context, { permission: 'members:create' }, async (c) => {
    assertMayGiveRole(c.caller, input.role, await openSpaceIds(c), ['input', 'role'])
    await assertMayAdmitToAll(c, input.role, spaceIds)
    const shown = { name, role: input.role }
    const member = await createMember(c, 'MACHINE', shown, { ...shown, spaceIds })
    await c.db.spaceMember.createMany({
      data: spaceIds.map((spaceId) => ({
        workspaceId: c.workspace.id,
        spaceId,
        memberId: member.id,
      })),
    })
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
