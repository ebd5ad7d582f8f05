import type { Run } from '../../generated/prisma/client.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** What a run came to. */
export interface RunOutcome {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'CANCELED'
  readonly output?: string
  /** Why there is no output, safe to show. */
  readonly error?: string
  readonly inputTokens?: number | null
  readonly outputTokens?: number | null
}

/** A run as it is, and whether it is by this change that it ended. */
export interface Ended {
  readonly run: Run
  readonly isNew: boolean
}

/** The run as it stands under the workspace's lock. */
export const presentRun = (
  c: WorkspaceTransaction,
  { workspaceId, id }: Pick<Run, 'workspaceId' | 'id'>,
): Promise<Run> => c.db.run.findUniqueOrThrow({ where: { workspaceId_id: { workspaceId, id } } })

const actions = {
  SUCCEEDED: 'run.succeeded',
  FAILED: 'run.failed',
  CANCELED: 'run.canceled',
} as const

/** Ends a run that is in progress, under the workspace's lock. What it said stays out of the audit. */
export function finishRun(
  c: WorkspaceTransaction,
  run: Pick<Run, 'workspaceId' | 'id' | 'status'>,
  outcome: RunOutcome,
): Promise<Run> {
  const { output, ...told } = outcome
  c.record({
    action: actions[outcome.status],
    targetId: run.id,
    targetName: run.id,
    changes: changesBetween<object>({ status: run.status }, told),
  })
  return c.db.run.update({
    where: { workspaceId_id: { workspaceId: run.workspaceId, id: run.id } },
    data: { ...outcome, replicaId: null, leaseExpiresAt: null, finishedAt: c.now },
  })
}
