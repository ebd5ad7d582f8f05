import type { Session as SessionRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { entityField, mutation } from '../../schema/mutation.ts'
import { Session } from './session.schema.ts'
import { createSession, terminateSession } from './session.service.ts'

interface SessionPayload {
  readonly session: SessionRow
}

const CreateSessionInput = builder.inputType('CreateSessionInput', {
  description: 'A session to begin.',
  fields: (t) => ({
    agentId: t.id({ required: true, description: 'The agent to talk with.' }),
    reference: t.string({
      description: "The caller's own name for it; unique per agent among active sessions.",
    }),
  }),
})

mutation<typeof CreateSessionInput.$inferInput, SessionPayload>('createSession', {
  description: "Begins a session. It is the caller's user's.",
  guard: 'sessions:create',
  input: CreateSessionInput,
  payload: (t) => ({ session: entityField(t, 'session', Session, 'The new session.') }),
  run: async (context, input) => ({ session: await createSession(context, input) }),
})

const TerminateSessionInput = builder.inputType('TerminateSessionInput', {
  description: 'A session to terminate.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the session.' }) }),
})

mutation<typeof TerminateSessionInput.$inferInput, SessionPayload>('terminateSession', {
  description:
    'Terminates a session for good and cancels its run in progress; doing it twice is doing it once.',
  guard: 'sessions:terminate',
  input: TerminateSessionInput,
  payload: (t) => ({ session: entityField(t, 'session', Session, 'The session as it is now.') }),
  run: async (context, input) => ({ session: await terminateSession(context, input) }),
})
