import { holdsInEvery } from '../../auth/policy.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Agent } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import { createAgentInput, updateAgentInput } from './agent.input.ts'
import { assertMayMove } from './move.ts'
import { type AgentInSpaces, requireVisibleAgent } from './require-visible-agent.ts'

type AgentAction = 'agents:create' | 'agents:update' | 'agents:delete'

/** No credential's rights depend on an agent. */
const asks = <Action extends AgentAction>(permission: Action) => ({
  permission,
  keepsAuthorization: true,
})

/**
 * The caller needs the permission in each of the spaces an agent is to live in.
 *
 * @throws UserInputError NOT_FOUND for spaces out of reach, RequestError FORBIDDEN for others
 */
async function assertSpaces(
  c: CallerTransaction,
  spaceIds: readonly string[],
  permission: AgentAction,
): Promise<void> {
  const problems = new ValidationErrors()
  await validateSpaceReach(c, problems, spaceIds, (index) => ['spaceIds', index])
  problems.throwIfAny()
  if (!holdsInEvery(c.caller.rights, permission, spaceIds))
    throw forbidden([permission], [permission])
}

/** The agent to change, with its spaces. */
const agentToChange = (
  c: CallerTransaction,
  id: string,
  permission: AgentAction,
): Promise<AgentInSpaces> => requireVisibleAgent(c, id, permission, ['input', 'id'])

/** A new agent in one or more spaces, in each of which the caller holds agents:create. */
export function createAgent(
  context: ServiceContext,
  input: Given<typeof createAgentInput>,
): Promise<Agent> {
  const { spaceIds, ...fields } = readInput(createAgentInput, input)
  return inWorkspaceTransaction(context, asks('agents:create'), async (c) => {
    await assertSpaces(c, spaceIds, 'agents:create')
    const agent: Agent = {
      description: null,
      instructions: null,
      model: null,
      ...fields,
      workspaceId: c.workspace.id,
      id: newId('agt'),
      status: 'ACTIVE',
      version: 1,
      createdById: c.caller.user.id,
      createdAt: c.now,
      updatedAt: c.now,
      deletedAt: null,
    }
    c.insert('Agent', [agent])
    putInSpaces(c, agent, spaceIds)
    const changes = changesBetween({}, { ...fields, spaceIds })
    c.record({ action: 'agent.created', targetId: agent.id, targetName: agent.name, changes })
    return agent
  })
}

function putInSpaces(
  { insert }: CallerTransaction,
  { workspaceId, id: agentId, createdAt: agentCreatedAt }: Agent,
  spaceIds: readonly string[],
): void {
  const rows = spaceIds.map((spaceId) => ({ workspaceId, agentId, agentCreatedAt, spaceId }))
  insert('AgentSpace', rows)
}

/**
 * Changes an agent and raises its version. Its spaces change where agents:update is held in all of
 * them, old and new, and nothing is gained by it.
 */
export function updateAgent(
  context: ServiceContext,
  input: Given<typeof updateAgentInput>,
): Promise<Agent> {
  const { id, spaceIds: given, expectedVersion, ...fields } = readInput(updateAgentInput, input)
  return inWorkspaceTransaction(context, asks('agents:update'), async (c) => {
    const { agent, spaceIds } = await agentToChange(c, id, 'agents:update')
    if (typeof expectedVersion === 'number' && expectedVersion !== agent.version)
      throw userError(
        'CONFLICT',
        ['input', 'expectedVersion'],
        `The agent is at version ${agent.version}.`,
      )
    const newSpaceIds = given?.toSorted() ?? spaceIds
    const changes = changesBetween<object>(
      { ...agent, spaceIds },
      { ...fields, spaceIds: newSpaceIds },
    )
    if (changes.length === 0) return agent
    if (given) {
      await assertSpaces(c, given, 'agents:update')
      await assertMayMove(c, spaceIds, newSpaceIds)
      await c.db.agentSpace.deleteMany({
        where: { workspaceId: c.workspace.id, agentId: agent.id },
      })
      putInSpaces(c, agent, newSpaceIds)
    }
    c.record({ action: 'agent.updated', targetId: agent.id, targetName: agent.name, changes })
    return c.db.agent.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: agent.id } },
      data: { ...fields, version: agent.version + 1, updatedAt: c.now },
    })
  })
}

/** Deletes an agent in every space of which the caller holds agents:delete. */
export const deleteAgent = (
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<string> =>
  inWorkspaceTransaction(context, asks('agents:delete'), async (c) => {
    const { agent } = await agentToChange(c, id, 'agents:delete')
    await c.db.agent.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
      data: { deletedAt: c.now },
    })
    c.record({ action: 'agent.deleted', targetId: id, targetName: agent.name })
    return id
  })
