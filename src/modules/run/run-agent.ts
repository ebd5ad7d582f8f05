import { userError } from '../../errors.ts'
import type { Run, Session } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { isStorable } from '../../input/text.ts'
import { leaseSeconds, type UnderWay } from '../../runtime/run-registry.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { requireVisibleAgent } from '../agent/require-visible-agent.ts'
import { assertActive, requireVisibleSession } from '../session/require-visible-session.ts'
import { assertInUse, insertSession } from '../session/session.service.ts'
import { answer, type Begun } from './answer.ts'
import { conversationLength, maxConversationLength } from './conversation.ts'
import { type RunsInProgress, runsInProgress, tokenIdOf } from './run.visibility.ts'
import { assertRoomInProcess, assertRoomInWorkspace } from './run-quota.ts'

const maxInputLength = 100_000

export interface RunAgentInput {
  readonly agentId?: string | null | undefined
  readonly sessionId?: string | null | undefined
  readonly input: string
  readonly background?: boolean | null | undefined
}

function assertInput({ agentId, sessionId, input }: RunAgentInput): void {
  const problems = new ValidationErrors()
  if (typeof agentId !== 'string' && typeof sessionId !== 'string')
    problems.add('INVALID', ['agentId'], 'Name an agent or a session.')
  if (input.trim() === '') problems.add('INVALID', ['input'], 'An input must not be empty.')
  else if ([...input].length > maxInputLength)
    problems.add('INVALID', ['input'], `An input has at most ${maxInputLength} characters.`)
  else if (!isStorable(input))
    problems.add('INVALID', ['input'], 'An input has no NUL and no broken surrogates.')
  problems.throwIfAny()
}

/** The session that is named, or else a new one with the agent that is. */
async function sessionToRun(
  c: CallerTransaction,
  { agentId, sessionId }: RunAgentInput,
): Promise<Session> {
  const agentPath = ['input', 'agentId']
  if (typeof sessionId !== 'string') {
    const agent = await requireVisibleAgent(c, agentId ?? '', 'agents:run', agentPath)
    assertInUse(agent, agentPath)
    return insertSession(c, agent, null)
  }
  const path = ['input', 'sessionId']
  const session = await requireVisibleSession(c, sessionId, 'agents:run', path)
  if (typeof agentId === 'string' && agentId !== session.agentId)
    throw userError('NOT_FOUND', agentPath, 'The session is not with this agent.')
  assertInUse(await requireVisibleAgent(c, session.agentId, 'agents:run', path), path)
  assertActive(session, path)
  return session
}

/** What keeps a session that was begun before from going on at the moment. */
async function assertGoesOn(
  { db, workspace }: CallerTransaction,
  sessionId: string,
  { inSession }: RunsInProgress,
): Promise<void> {
  const path = ['input', 'sessionId']
  if (inSession > 0) throw userError('WRONG_STATE', path, 'The session has a run in progress.')
  if ((await conversationLength(db, workspace.id, sessionId)) > maxConversationLength)
    throw userError('LIMIT_REACHED', path, 'The conversation is too long; begin another session.')
}

/** @throws UserInputError WRONG_STATE that names the setting without which nothing runs */
function notSet(setting: string): Error {
  return userError('WRONG_STATE', null, `Agents do not run here: ${setting} is not set.`)
}

/**
 * Stores a run in progress, as this process's, which takes it on before anybody else can know of it:
 * from then on it can be canceled.
 */
async function beginRun(
  c: CallerTransaction,
  id: string,
  input: RunAgentInput,
): Promise<{ begun: Begun; underWay: UnderWay }> {
  const { endpoint, model: defaultModel, underWay: runs } = c.deps.runtime
  const namesSession = typeof input.sessionId === 'string'
  const session = await sessionToRun(c, input)
  if (endpoint === undefined) throw notSet('AGENT_RUNTIME_URL')
  const { agentId, agentVersion, id: sessionId } = session
  const version = await c.db.agentVersion.findUniqueOrThrow({
    where: {
      workspaceId_agentId_version: {
        workspaceId: c.workspace.id,
        agentId,
        version: agentVersion,
      },
    },
  })
  const model = version.model ?? defaultModel
  if (model === undefined) throw notSet('AGENT_RUNTIME_MODEL')
  const inProgress = await runsInProgress(c, sessionId)
  if (namesSession) await assertGoesOn(c, sessionId, inProgress)
  assertRoomInWorkspace(inProgress)
  assertRoomInProcess(runs.taken(c.workspace.id))
  const underWay = runs.begin(c.workspace.id, id)
  const shown = { sessionId, agentVersion }
  const run = await c.db.run.create({
    data: {
      ...shown,
      workspaceId: c.workspace.id,
      id,
      input: input.input,
      replicaId: runs.replicaId,
      leaseExpiresAt: new Date(c.now.getTime() + leaseSeconds * 1_000),
      createdById: c.caller.user.id,
      apiKeyId: c.caller.key?.id ?? null,
      accessTokenId: tokenIdOf(c.caller),
      createdAt: c.now,
    },
  })
  const changes = changesBetween({}, { ...shown, model })
  c.record({ action: 'run.started', targetId: id, targetName: id, changes })
  const { caller } = c
  const { instructions } = version
  return {
    begun: { caller, run, agentId, endpoint, model, instructions, namesSession },
    underWay,
  }
}

/**
 * Asks an agent, in a session or in one of its own. In every space of the agent the caller holds
 * agents:run. No lock is held, and nothing waits but this call, while the endpoint is asked.
 *
 * @returns the run as it ended; in the background, as it began
 */
export async function runAgent(context: ServiceContext, input: RunAgentInput): Promise<Run> {
  assertInput(input)
  const id = newId('run')
  const options = { permission: 'agents:run', keepsAuthorization: true } as const
  const stored = inWorkspaceTransaction(context, options, (c) => beginRun(c, id, input))
  const { begun, underWay } = await stored.catch((error) => {
    context.deps.runtime.underWay.drop(id)
    throw error
  })
  const answered = answer(context, begun, underWay.signal)
  underWay.until(answered)
  return input.background ? begun.run : await answered
}
