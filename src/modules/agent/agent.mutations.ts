import type { Agent as AgentRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { deletedId, entityField, mutation } from '../../schema/mutation.ts'
import { Agent, AgentStatusType } from './agent.schema.ts'
import { createAgent, deleteAgent, updateAgent } from './agent.service.ts'

interface AgentPayload {
  readonly agent: AgentRow
}

const CreateAgentInput = builder.inputType('CreateAgentInput', {
  description: 'An agent to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the agent.' }),
    description: t.string({ description: 'A description of the agent.' }),
    instructions: t.string({ description: 'The instructions for the model.' }),
    model: t.string({ description: 'The model that runs it.' }),
    spaceIds: t.idList({ required: true, description: 'At least one space.' }),
  }),
})

mutation<typeof CreateAgentInput.$inferInput, AgentPayload>('createAgent', {
  description: 'Makes an agent.',
  guard: 'agents:create',
  input: CreateAgentInput,
  payload: (t) => ({ agent: entityField(t, 'agent', Agent, 'The new agent.') }),
  run: async (context, input) => ({ agent: await createAgent(context, input) }),
})

const UpdateAgentInput = builder.inputType('UpdateAgentInput', {
  description: 'The changes of an agent; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the agent.' }),
    name: t.string({ description: 'The name of the agent.' }),
    description: t.string({ description: 'A description of the agent; null clears it.' }),
    instructions: t.string({ description: 'The instructions for the model; null clears them.' }),
    model: t.string({ description: 'The model that runs it; null clears it.' }),
    status: t.field({ type: AgentStatusType, description: 'Whether it is in use.' }),
    spaceIds: t.idList({ description: 'Its spaces anew, all of them; at least one.' }),
    expectedVersion: t.int({
      description: 'Refused with CONFLICT unless this is the current version.',
    }),
  }),
})

mutation<typeof UpdateAgentInput.$inferInput, AgentPayload>('updateAgent', {
  description: 'Changes an agent and raises its version.',
  guard: 'agents:update',
  input: UpdateAgentInput,
  payload: (t) => ({ agent: entityField(t, 'agent', Agent, 'The agent as it is now.') }),
  run: async (context, input) => ({ agent: await updateAgent(context, input) }),
})

const DeleteAgentInput = builder.inputType('DeleteAgentInput', {
  description: 'Which agent to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the agent.' }) }),
})

mutation<typeof DeleteAgentInput.$inferInput, { deletedId: string }>('deleteAgent', {
  description: 'Deletes an agent.',
  guard: 'agents:delete',
  input: DeleteAgentInput,
  payload: (t) => ({ deletedId: deletedId(t) }),
  run: async (context, input) => ({ deletedId: await deleteAgent(context, input) }),
})
