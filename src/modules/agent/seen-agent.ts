import type { PermissionName } from '../../auth/permissions.ts'
import { holdsInEvery } from '../../auth/policy.ts'
import type { CallerChange } from '../../db/change.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Agent } from '../../generated/prisma/client.ts'
import { agentsOf, itsSpaces, seesAgent } from './agent.visibility.ts'

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
  { db, caller }: CallerChange,
  id: string,
  permission: PermissionName,
  path: readonly string[],
): Promise<AgentInSpaces> {
  const found = await db.agent.findFirst({ where: agentsOf(caller, [id]), include: itsSpaces })
  if (found === null || !seesAgent(caller, found))
    throw userError('NOT_FOUND', path, 'There is no such agent.')
  const { spaces, ...agent } = found
  const spaceIds = spaces.map(({ spaceId }) => spaceId)
  if (!holdsInEvery(caller.rights, permission, spaceIds))
    throw forbidden([permission], [permission])
  return { agent, spaceIds }
}
