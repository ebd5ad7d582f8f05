import type { Deps } from '../../deps.ts'
import type { Run } from '../../generated/prisma/client.ts'
import { every } from '../../timeout.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { finishRun } from './finish-run.ts'

/**
 * With the lease, what a run that lost its process waits at most until it is FAILED: 6 s of lease and
 * two looks. In between, a process that could not reach the database for a while renews its own.
 */
const lookEveryMs = 2_500
/** More than processes that die together are likely to have. */
const batchSize = 1_000

type Lost = Pick<Run, 'workspaceId' | 'id' | 'replicaId' | 'leaseExpiresAt'>

const fieldsOfLost = { workspaceId: true, id: true, replicaId: true, leaseExpiresAt: true } as const

/**
 * Ends runs of one workspace as FAILED, where nothing was heard of them meanwhile and no other process
 * has. None is ever repeated.
 */
async function endLostIn(deps: Deps, workspaceId: string, lost: readonly Lost[]): Promise<void> {
  const end = async (c: WorkspaceTransaction): Promise<string[]> => {
    const ended: string[] = []
    for (const { id, replicaId, leaseExpiresAt } of lost) {
      const where = { workspaceId, id, replicaId, leaseExpiresAt }
      const run = await c.db.run.findFirst({ where })
      if (run === null) continue
      const error = 'The server that ran it stopped before the answer came.'
      ended.push((await finishRun(c, run, { status: 'FAILED', error })).id)
    }
    return ended
  }
  try {
    const runIds = await asOperator(deps, workspaceId, end, { keepsAuthorization: true })
    for (const _ of runIds) deps.metrics.countRun('FAILED')
    if (runIds.length > 0) deps.logger.warn({ runIds }, 'runs were lost')
  } catch (err) {
    deps.logger.warn({ err, workspaceId }, 'lost runs could not be ended')
  }
}

const byWorkspace = (lost: readonly Lost[]): ReadonlyMap<string, readonly Lost[]> =>
  Map.groupBy(lost, ({ workspaceId }) => workspaceId)

/**
 * On the embedded database, whatever seems to run as a process starts was lost with the one before
 * it: nobody else can run it.
 */
export async function endRunsOfLastProcess(deps: Deps): Promise<void> {
  if (!deps.embedded) return
  const { replicaId } = deps.runtime.underWay
  const where = { leaseExpiresAt: { not: null }, NOT: { replicaId } }
  const lost = await deps.prisma.run.findMany({ where, select: fieldsOfLost })
  for (const [workspaceId, those] of byWorkspace(lost)) await endLostIn(deps, workspaceId, those)
}

/**
 * Looks for runs whose process has been silent for longer than its lease.
 *
 * @returns one look: it begins to end as FAILED those of which nothing was heard since the last one,
 *   and gives for each of their workspaces what is over once that is done or has failed
 */
export function lookForLostRuns(deps: Deps): () => Promise<Promise<void>[]> {
  /** As of the last look: the ends of leases by run. */
  let seen: ReadonlyMap<string, number> = new Map()
  /** The workspaces in which runs are being ended: one that is locked keeps no other waiting. */
  const ending = new Set<string>()
  const endOf = ({ leaseExpiresAt }: Lost): number => leaseExpiresAt?.getTime() ?? 0

  return async () => {
    const before = seen
    // Whoever could not be heard of by a look that failed has until the next.
    seen = new Map()
    // By now(), which an index can be searched for: clock_timestamp() would read every run.
    const silent = await deps.prisma.$queryRaw<Lost[]>`
      SELECT "workspaceId", id, "replicaId", "leaseExpiresAt" FROM "Run"
       WHERE "leaseExpiresAt" < now() AND "workspaceId" <> ALL(${[...ending]}::text[])
         AND id <> ALL(${deps.runtime.underWay.ids()}::text[])
       ORDER BY "leaseExpiresAt" LIMIT ${batchSize}`
    seen = new Map(silent.map((run) => [run.id, endOf(run)]))
    const lost = silent.filter((run) => before.get(run.id) === endOf(run))
    return [...byWorkspace(lost)].map(async ([workspaceId, those]) => {
      ending.add(workspaceId)
      await endLostIn(deps, workspaceId, those)
      ending.delete(workspaceId)
    })
  }
}

/** Ends lost runs for as long as it is open. */
export function watchRuns(deps: Deps): { close(): void } {
  const look = lookForLostRuns(deps)
  const failed = (err: unknown): void => deps.logger.warn({ err }, 'lost runs not looked for')
  return { close: every(lookEveryMs, () => look().catch(failed)) }
}
