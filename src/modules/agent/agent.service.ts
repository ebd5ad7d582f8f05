import { holdsInEvery } from '../../auth/policy.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Agent, AgentStatus } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameInput, textInput } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import { assertMayMove } from './move.ts'
import { type AgentInSpaces, requireVisibleAgent } from './require-visible-agent.ts'

type AgentAction = 'agents:create' | 'agents:update' | 'agents:delete'

const maxDescription = 1_000
const maxInstructions = 32_768
export const maxSpaces = 1_000

/** No credential's rights depend on an agent. */
const asks = <Action extends AgentAction>(permission: Action) => ({
  permission,
  keepsAuthorization: true,
})

interface AgentTexts {
  readonly name?: string | null | undefined
  readonly description?: string | null | undefined
  readonly instructions?: string | null | undefined
  readonly model?: string | null | undefined
}

/** The text fields that are given, read; absent ones are left out. */
function textsInput(problems: ValidationErrors, input: AgentTexts) {
  const { name, description, instructions, model } = input
  return {
    ...(name !== undefined && { name: nameInput(problems, ['name'], name) }),
    ...(description !== undefined && {
      description: textInput(problems, ['description'], description, maxDescription),
    }),
    ...(instructions !== undefined && {
      instructions: textInput(problems, ['instructions'], instructions, maxInstructions),
    }),
    ...(model !== undefined && {
      model: model === null ? null : nameInput(problems, ['model'], model),
    }),
  }
}

function spaceIdsInput(problems: ValidationErrors, spaceIds: readonly string[] | null): void {
  if (spaceIds === null || spaceIds.length === 0)
    problems.add('INVALID', ['spaceIds'], 'An agent lives in at least one space.')
  else if (spaceIds.length > maxSpaces)
    problems.add('INVALID', ['spaceIds'], `At most ${maxSpaces} spaces are possible.`)
}

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

export interface CreateAgentInput extends AgentTexts {
  readonly name: string
  readonly spaceIds: readonly string[]
}

/** A new agent in one or more spaces, in each of which the caller holds agents:create. */
export function createAgent(context: ServiceContext, input: CreateAgentInput): Promise<Agent> {
  const problems = new ValidationErrors()
  const { description, instructions, model } = input
  const name = nameInput(problems, ['name'], input.name)
  const texts = textsInput(problems, { description, instructions, model })
  spaceIdsInput(problems, input.spaceIds)
  problems.throwIfAny()
  return inWorkspaceTransaction(context, asks('agents:create'), async (c) => {
    await assertSpaces(c, input.spaceIds, 'agents:create')
    const agent = await c.db.agent.create({
      data: {
        ...texts,
        name,
        workspaceId: c.workspace.id,
        id: newId('agt'),
        createdById: c.caller.user.id,
        createdAt: c.now,
        updatedAt: c.now,
      },
    })
    await putInSpaces(c, agent.id, input.spaceIds)
    const changes = changesBetween({}, { name, ...texts, spaceIds: input.spaceIds })
    c.record({ action: 'agent.created', targetId: agent.id, targetName: agent.name, changes })
    return agent
  })
}

const putInSpaces = (c: CallerTransaction, agentId: string, spaceIds: readonly string[]) =>
  c.db.agentSpace.createMany({
    data: spaceIds.map((spaceId) => ({ workspaceId: c.workspace.id, agentId, spaceId })),
  })

export interface UpdateAgentInput extends AgentTexts {
  readonly id: string
  readonly status?: AgentStatus | null | undefined
  readonly spaceIds?: readonly string[] | null | undefined
  readonly expectedVersion?: number | null | undefined
}

/**
 * Changes an agent and raises its version. Its spaces change where agents:update is held in all of
 * them, old and new, and nothing is gained by it.
 */
export function updateAgent(context: ServiceContext, input: UpdateAgentInput): Promise<Agent> {
  const problems = new ValidationErrors()
  const texts = textsInput(problems, input)
  if (input.status === null) problems.add('INVALID', ['status'], 'A status cannot be null.')
  if (input.spaceIds !== undefined) spaceIdsInput(problems, input.spaceIds)
  problems.throwIfAny()
  return inWorkspaceTransaction(context, asks('agents:update'), async (c) => {
    const { agent, spaceIds } = await agentToChange(c, input.id, 'agents:update')
    if (typeof input.expectedVersion === 'number' && input.expectedVersion !== agent.version)
      throw userError(
        'CONFLICT',
        ['input', 'expectedVersion'],
        `The agent is at version ${agent.version}.`,
      )
    const newSpaceIds = input.spaceIds ? [...input.spaceIds].sort() : spaceIds
    const fields = { ...texts, ...(input.status && { status: input.status }) }
    const changes = changesBetween<object>(
      { ...agent, spaceIds },
      { ...fields, spaceIds: newSpaceIds },
    )
    if (changes.length === 0) return agent
    if (input.spaceIds) {
      await assertSpaces(c, input.spaceIds, 'agents:update')
      await assertMayMove(c, spaceIds, newSpaceIds)
      await c.db.agentSpace.deleteMany({
        where: { workspaceId: c.workspace.id, agentId: agent.id },
      })
      await putInSpaces(c, agent.id, newSpaceIds)
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
