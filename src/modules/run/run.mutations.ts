import { builder } from '../../schema/builder.ts'
import { entityField, mutation } from '../../schema/mutation.ts'
import { cancelRun } from './cancel.ts'
import { Run } from './run.schema.ts'
import type { RunRow } from './run.visibility.ts'
import { runAgent } from './run-agent.ts'

interface RunPayload {
  readonly run: RunRow
}

const RunAgentInput = builder.inputType('RunAgentInput', {
  description: 'An agent or session, and the input to run it with.',
  fields: (t) => ({
    agentId: t.id({ description: 'The agent; with a session, the one that it is with.' }),
    sessionId: t.id({
      description:
        'A session that the caller sees, to go on with. Without it the run makes its own session.',
    }),
    input: t.string({ required: true, description: 'The question: 1 to 100,000 characters.' }),
    background: t.boolean({ description: 'Answers at once with a RUNNING run, to be polled.' }),
  }),
})

mutation<typeof RunAgentInput.$inferInput, RunPayload>('runAgent', {
  description:
    "Asks an agent, and waits for its answer unless it is to run in the background. The caller's " +
    'access is looked at again before the answer is stored and given.',
  guard: 'agents:run',
  input: RunAgentInput,
  payload: (t) => ({ run: entityField(t, 'run', Run, 'The run, also when it failed.') }),
  run: async (context, input) => ({ run: await runAgent(context, input) }),
})

const CancelRunInput = builder.inputType('CancelRunInput', {
  description: 'A run to cancel.',
  fields: (t) => ({
    id: t.id({
      required: true,
      description:
        'The id of a run that the caller sees, or that the same key or token began for the same user.',
    }),
  }),
})

mutation<typeof CancelRunInput.$inferInput, RunPayload>('cancelRun', {
  description: 'Cancels a run in progress; doing it twice is doing it once.',
  guard: 'agents:run',
  input: CancelRunInput,
  payload: (t) => ({ run: entityField(t, 'run', Run, 'The run as it is now.') }),
  run: async (context, input) => ({ run: await cancelRun(context, input) }),
})
