import { setTimeout as wait } from 'node:timers/promises'
import type { Caller } from '../../auth/caller.ts'
import { forbidden, RequestError, UserInputError } from '../../errors.ts'
import type { Run } from '../../generated/prisma/client.ts'
import type { Endpoint } from '../../runtime/endpoint.ts'
import { RunFailure } from '../../runtime/run-failure.ts'
import type { ServiceContext } from '../../service-context.ts'
import { abortable } from '../../timeout.ts'
import {
  asOperator,
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { requireVisibleAgent } from '../agent/require-visible-agent.ts'
import { assertHeldForSession, requireVisibleSession } from '../session/require-visible-session.ts'
import { messagesOf } from './conversation.ts'
import { type Ended, finishRun, presentRun, type RunOutcome } from './finish-run.ts'

/** A stored run, with what is needed to ask for its answer. */
export interface Begun {
  /** Whoever began it, as they were then. */
  readonly caller: Caller
  readonly run: Run
  readonly agentId: string
  readonly endpoint: Endpoint
  readonly model: string
  readonly instructions: string | null
  /** Whether it goes on with a session that the caller named, and so saw. */
  readonly namesSession: boolean
}

/** How long a run that cannot be stored is tried again, in milliseconds; then its lease runs out. */
const retriesMs = [200, 500, 1_000, 2_000, 5_000, 5_000, 10_000, 10_000]

/** What the model is told, read in as much time as it then has to answer. */
async function read(
  { deps }: ServiceContext,
  { caller, run, instructions }: Begun,
  signal: AbortSignal,
): ReturnType<typeof messagesOf> {
  const { timeoutSeconds } = deps.runtime
  const tooLate = AbortSignal.timeout(timeoutSeconds * 1_000)
  const either = AbortSignal.any([signal, tooLate])
  try {
    return await abortable(messagesOf({ deps, caller }, run, instructions, either), either)
  } catch (error) {
    signal.throwIfAborted()
    if (!tooLate.aborted) throw error
    throw new RunFailure(`The documents of the session took longer than ${timeoutSeconds} s.`)
  }
}

/** What a run came to, and what it takes to be given it. */
interface Answered {
  readonly outcome: RunOutcome
  /** Whether the model was told documents, which it may have repeated. */
  readonly toldDocuments: boolean
}

/** Asks the endpoint. */
async function ask(context: ServiceContext, begun: Begun, signal: AbortSignal): Promise<Answered> {
  const { endpoint, model } = begun
  const { messages, tellsDocuments } = await read(context, begun, signal)
  const { text, ...tokens } = await endpoint.ask({ model, messages, signal })
  const outcome = { status: 'SUCCEEDED', output: text, ...tokens } as const
  return { outcome, toldDocuments: tellsDocuments }
}

/** Asks the endpoint. Never fails: a failure is an outcome. */
async function outcomeOf(
  context: ServiceContext,
  begun: Begun,
  signal: AbortSignal,
): Promise<Answered> {
  const { deps, requestId } = context
  const { run } = begun
  const without = (outcome: RunOutcome): Answered => ({ outcome, toldDocuments: false })
  try {
    return await ask(context, begun, signal)
  } catch (error) {
    // Whoever gave it up without a reason has stored why.
    if (signal.aborted && !(error instanceof RunFailure)) return without({ status: 'CANCELED' })
    if (!(error instanceof RunFailure)) {
      deps.logger.error({ err: error, requestId, runId: run.id }, 'a run failed')
      const reason = 'The run failed for a reason that only the server knows.'
      return without({ status: 'FAILED', error: reason })
    }
    const { message, detail } = error
    deps.logger.warn({ requestId, runId: run.id, reason: message, detail }, 'a run failed')
    return without({ status: 'FAILED', error: message })
  }
}

/** A run that is over already, canceled or taken for lost, stays as it is. */
async function endIfRunning(
  c: CallerTransaction,
  { run, agentId, namesSession }: Begun,
  { outcome, toldDocuments }: Answered,
): Promise<Ended> {
  const path = ['input', namesSession ? 'sessionId' : 'agentId']
  await requireVisibleAgent(c, agentId, 'agents:run', path)
  if (namesSession) await requireVisibleSession(c, run.sessionId, 'agents:run', path)
  else await assertHeldForSession(c, run.sessionId, 'agents:run')
  if (toldDocuments) await assertHeldForSession(c, run.sessionId, 'documents:read')
  const present = await presentRun(c, run)
  // A key that was given away acts for somebody who has asked nothing.
  if (present.createdById !== c.caller.user.id) throw forbidden(['agents:run'], [], notTheirs)
  return present.status === 'RUNNING'
    ? { run: await finishRun(c, present, outcome), isNew: true }
    : { run: present, isNew: false }
}

const notTheirs = 'The run was begun for somebody else.'

const accessCodes: readonly string[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'WORKSPACE_NOT_FOUND']

/** Whether it is that the caller may not, or no longer, have the answer. */
const isRefusal = (error: unknown): boolean =>
  error instanceof UserInputError ||
  (error instanceof RequestError && accessCodes.includes(error.code))

async function cancelUnanswered({ deps }: ServiceContext, run: Run): Promise<void> {
  const isCanceled = await asOperator(
    deps,
    run.workspaceId,
    async (c) => {
      const present = await presentRun(c, run)
      if (present.status !== 'RUNNING') return false
      const error = 'The access by which it was begun ended before the answer came.'
      await finishRun(c, present, { status: 'CANCELED', error })
      return true
    },
    { keepsAuthorization: true },
  )
  if (isCanceled) deps.metrics.countRun('CANCELED')
}

/**
 * Stores what a run came to, if whoever asked may still have it, and else that it was canceled.
 *
 * @throws RequestError or UserInputError when they may not
 */
async function store(context: ServiceContext, begun: Begun, answered: Answered): Promise<Run> {
  const options = { permission: 'agents:run', keepsAuthorization: true } as const
  try {
    const { run, isNew } = await inWorkspaceTransaction(context, options, (c) =>
      endIfRunning(c, begun, answered),
    )
    if (isNew) context.deps.metrics.countRun(run.status)
    return run
  } catch (error) {
    if (isRefusal(error)) await cancelUnanswered(context, begun.run)
    throw error
  }
}

/**
 * Asks the endpoint, with no lock held, and stores the answer once the caller's access was looked at
 * again.
 *
 * @returns the run as it ended
 * @throws RequestError or UserInputError when the caller may not have the answer any more
 */
export async function answer(
  context: ServiceContext,
  begun: Begun,
  signal: AbortSignal,
): Promise<Run> {
  const { deps, requestId } = context
  const answered = await outcomeOf(context, begun, signal)
  const about = { requestId, runId: begun.run.id }
  for (const pause of retriesMs)
    try {
      return await store(context, begun, answered)
    } catch (error) {
      if (isRefusal(error)) throw error
      deps.logger.warn({ err: error, ...about }, 'what a run came to could not be stored')
      await wait(pause)
    }
  return await store(context, begun, answered).catch((error) => {
    // Nobody waits for one in the background.
    if (!isRefusal(error))
      deps.logger.error({ err: error, ...about }, 'what a run came to was given up')
    throw error
  })
}
