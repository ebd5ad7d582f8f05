import type { PermissionName } from '../../auth/permissions.ts'
import { holdsInEvery } from '../../auth/policy.ts'
import type { CallerChange } from '../../db/change.ts'
import { findOne } from '../../db/page.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Agent } from '../../generated/prisma/client.ts'
import { agentsWithInstructions, visibleAgents } from './agent.queries.ts'

export interface AgentInSpaces {
  readonly agent: Agent
  /** Deleted ones included. */
  readonly spaceIds: readonly string[]
}

/**
 * The agent, seen by the caller, in every space of which they hold the permission.
 *
 * @throws UserInputError NOT_FOUND when they do not see it, RequestError FORBIDDEN when they see it only
 */
export async function seenAgent(
  { db, caller, workspace }: CallerChange,
  id: string,
  permission: PermissionName,
  path: readonly string[],
): Promise<AgentInSpaces> {
  const where = visibleAgents(caller)
  const agent = await findOne<Agent>(db, { ...agentsWithInstructions, where }, id)
  if (agent === null) throw userError('NOT_FOUND', path, 'There is no such agent.')
  const rows = await db.agentSpace.findMany({
    where: { workspaceId: workspace.id, agentId: id },
    orderBy: { spaceId: 'asc' },
  })
  const spaceIds = rows.map(({ spaceId }) => spaceId)
  if (!holdsInEvery(caller.rights, permission, spaceIds))
    throw forbidden([permission], [permission])
  return { agent, spaceIds }
}
