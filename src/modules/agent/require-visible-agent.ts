import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holds, holdsInEvery } from '../../auth/policy.ts'
import { hasId } from '../../db/where.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Agent } from '../../generated/prisma/client.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { liveAgents } from './agent.visibility.ts'

export interface AgentInSpaces {
  readonly agent: Agent
  /** Deleted ones included. */
  readonly spaceIds: readonly string[]
}

/** Whether the caller sees an agent of these spaces: with all spaces, also where all are deleted. */
const sees = ({ rights }: Caller, spaceIds: readonly string[]): boolean =>
  holdsInEvery(rights, 'agents:read', spaceIds) ||
  (rights.allSpaces && holds(rights, 'agents:read'))

/**
 * The agent, seen by the caller, in every space of which they hold the permission.
 *
 * @throws UserInputError NOT_FOUND when they do not see it, RequestError FORBIDDEN when they see it only
 */
export async function requireVisibleAgent(
  { db, caller }: Pick<CallerTransaction, 'db' | 'caller'>,
  id: string,
  permission: PermissionName,
  path: readonly string[],
): Promise<AgentInSpaces> {
  const found = await db.agent.findFirst({
    where: { AND: [liveAgents(caller), hasId(id)] },
    include: { spaces: { select: { spaceId: true }, orderBy: { spaceId: 'asc' } } },
  })
  const spaceIds = found?.spaces.map(({ spaceId }) => spaceId) ?? []
  if (found === null || !sees(caller, spaceIds))
    throw userError('NOT_FOUND', path, 'There is no such agent.')
  const { spaces, ...agent } = found
  if (!holdsInEvery(caller.rights, permission, spaceIds))
    throw forbidden([permission], [permission])
  return { agent, spaceIds }
}
