import { userError } from '../../errors.ts'
import type { Session } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { type AgentInSpaces, requireVisibleAgent } from '../agent/require-visible-agent.ts'
import { finishRun } from '../run/finish-run.ts'
import { requireVisibleSession } from './require-visible-session.ts'
import { createSessionInput } from './session.input.ts'
import { sessionsHeld } from './session.visibility.ts'

/** No credential's rights depend on a session. */
const keepsAuthorization = true

/** @throws UserInputError WRONG_STATE for an agent that is out of use */
export function assertInUse({ agent }: AgentInSpaces, path: readonly string[]): void {
  if (agent.status === 'ARCHIVED') throw userError('WRONG_STATE', path, 'The agent is archived.')
}

/** The name by which the audit knows a session. */
export const sessionName = ({ reference, id }: Pick<Session, 'reference' | 'id'>): string =>
  reference ?? id

/**
 * A new session with an agent. It keeps the agent's version and spaces of now, and belongs to the
 * caller's user.
 */
export async function insertSession(
  c: CallerTransaction,
  { agent, spaceIds }: AgentInSpaces,
  reference: string | null,
): Promise<Session> {
  const { workspaceId, id: agentId, version, instructions, model } = agent
  await c.db.agentVersion.createMany({
    data: [{ workspaceId, agentId, version, instructions, model }],
    skipDuplicates: true,
  })
  const shown = { agentId, agentVersion: version, reference }
  const session = await c.db.session.create({
    data: {
      ...shown,
      workspaceId,
      id: newId('ses'),
      activeReference: reference,
      createdById: c.caller.user.id,
      createdAt: c.now,
    },
  })
  await c.db.sessionSpace.createMany({
    data: spaceIds.map((spaceId) => ({ workspaceId, sessionId: session.id, spaceId })),
  })
  const changes = changesBetween({}, shown)
  const targetName = sessionName(session)
  c.record({ action: 'session.created', targetId: session.id, targetName, changes })
  return session
}

async function assertReferenceFree(c: CallerTransaction, agentId: string, reference: string) {
  const key = { workspaceId: c.workspace.id, agentId, activeReference: reference }
  const taken = await c.db.session.findUnique({
    where: { workspaceId_agentId_activeReference: key },
  })
  if (taken === null) return
  const [seen] = await sessionsHeld(c.db, c.caller, 'sessions:read', [taken.id])
  throw seen === undefined
    ? userError('INVALID', ['input', 'reference'], 'Choose another reference.')
    : userError('NAME_TAKEN', ['input', 'reference'], 'An active session has this reference.')
}

/** A new session with an agent, in every space of which the caller holds sessions:create. */
export function createSession(
  context: ServiceContext,
  input: Given<typeof createSessionInput>,
): Promise<Session> {
  const { agentId, reference } = readInput(createSessionInput, input)
  return inWorkspaceTransaction(
    context,
    { permission: 'sessions:create', keepsAuthorization },
    async (c) => {
      const path = ['input', 'agentId']
      const agent = await requireVisibleAgent(c, agentId, 'sessions:create', path)
      assertInUse(agent, path)
      if (reference !== null) await assertReferenceFree(c, agentId, reference)
      return insertSession(c, agent, reference)
    },
  )
}

/**
 * Terminates a session and cancels its run in progress. One that is terminated stays as it is.
 */
export async function terminateSession(
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<Session> {
  const ended = await inWorkspaceTransaction(
    context,
    { permission: 'sessions:terminate', keepsAuthorization },
    async (c) => {
      const session = await requireVisibleSession(c, id, 'sessions:terminate', ['input', 'id'])
      if (session.terminatedAt !== null) return { session, runs: [] }
      const running = { workspaceId: c.workspace.id, sessionId: id, status: 'RUNNING' } as const
      const runs = await c.db.run.findMany({ where: running })
      const terminated = await c.db.session.update({
        where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
        data: { terminatedAt: c.now, activeReference: null },
      })
      c.record({
        action: 'session.terminated',
        targetId: id,
        targetName: sessionName(session),
        changes: [{ field: 'status', before: 'ACTIVE', after: 'TERMINATED' }],
      })
      for (const run of runs) await finishRun(c, run, { status: 'CANCELED' })
      return { session: terminated, runs }
    },
  )
  const { metrics, runtime } = context.deps
  for (const run of ended.runs) {
    metrics.countRun('CANCELED')
    runtime.underWay.abort(run.id)
  }
  return ended.session
}
