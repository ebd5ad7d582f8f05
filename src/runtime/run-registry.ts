import type { Logger } from 'pino'
import { serviceUnavailable } from '../errors.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { newId } from '../ids.ts'
import type { Metrics } from '../metrics.ts'
import { every, withTimeout } from '../timeout.ts'
import { RunFailure } from './run-failure.ts'

/** A process that has not renewed its leases for this long seems dead, by the database's clock. */
export const leaseSeconds = 6
const renewEveryMs = 2_000
/** What a run that is given up as the server stops has left, to be stored. */
const lastMomentsMs = 5_000

/** A run that this process has taken on. */
export interface UnderWay {
  /** Aborted once nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Once the run is stored: its lease is renewed, and the server does not stop, until this is over. */
  until(isOver: Promise<unknown>): void
}

/** How many runs a process has taken on. */
export interface RunsTaken {
  readonly ofWorkspace: number
  readonly inProcess: number
}

/** The runs of this process. */
export interface RunRegistry {
  /** By which the runs of this process are known to others. */
  readonly replicaId: string
  /**
   * Takes a run on, before anybody else can know of it.
   *
   * @throws RequestError SERVICE_UNAVAILABLE once the server is stopping
   */
  begin(workspaceId: string, runId: string): UnderWay
  /** It was not stored after all. */
  drop(runId: string): void
  taken(workspaceId: string): RunsTaken
  /** Of all that it has taken on. */
  ids(): string[]
  /** Gives the answer up, if it is this process that waits for it. */
  abort(runId: string): void
  /** Takes no more on, gives those under way so many seconds, then gives them up. */
  close(graceSeconds: number): Promise<void>
}

interface Entry {
  readonly workspaceId: string
  readonly controller: AbortController
  isOver: Promise<unknown> | undefined
}

/**
 * Moves the ends of the leases. A run whose row somebody has locked is left out, so that none of
 * another tenant waits for it; the next time is soon enough.
 *
 * @returns the ids of the runs that are held still, those left out included
 */
async function renewLeases(
  prisma: PrismaClient,
  replicaId: string,
  runs: readonly (readonly [string, Entry])[],
): Promise<ReadonlySet<string>> {
  const held = await prisma.$queryRaw<{ id: string }[]>`
    WITH own AS MATERIALIZED (
      SELECT r."workspaceId", r.id
        FROM unnest(${runs.map(([, { workspaceId }]) => workspaceId)}::text[],
                    ${runs.map(([id]) => id)}::text[]) AS own (w, id)
        JOIN "Run" r ON r."workspaceId" = own.w AND r.id = own.id
       WHERE r."replicaId" = ${replicaId}),
    unlocked AS MATERIALIZED (
      SELECT r."workspaceId", r.id FROM "Run" r JOIN own USING ("workspaceId", id)
       WHERE r."replicaId" = ${replicaId} FOR UPDATE OF r SKIP LOCKED),
    renewed AS (
      UPDATE "Run" r SET "leaseExpiresAt" = clock_timestamp() + make_interval(secs => ${leaseSeconds})
        FROM unlocked u WHERE r."workspaceId" = u."workspaceId" AND r.id = u.id)
    SELECT id FROM own`
  return new Set(held.map(({ id }) => id))
}

/**
 * Keeps the runs of this process, and renews their leases. One that is held no more, for another
 * process has canceled it or taken this one for dead, is given up.
 */
export function createRunRegistry(
  prisma: PrismaClient,
  logger: Pick<Logger, 'warn'>,
  metrics: Pick<Metrics, 'watchRuns'>,
): RunRegistry {
  const replicaId = newId('rep')
  const entries = new Map<string, Entry>()
  let isClosing = false
  metrics.watchRuns(() => entries.size)

  const renew = async (): Promise<void> => {
    const stored = [...entries].filter(([, { isOver }]) => isOver !== undefined)
    if (stored.length === 0) return
    const held = await renewLeases(prisma, replicaId, stored)
    for (const [id, { controller }] of stored) if (!held.has(id)) controller.abort()
  }
  const failed = (err: unknown): void => logger.warn({ err }, 'leases of runs not renewed')
  const stopRenewing = every(renewEveryMs, () => renew().catch(failed))

  const drop = (runId: string): void => void entries.delete(runId)
  const allOver = () => Promise.allSettled([...entries.values()].map(({ isOver }) => isOver))
  return {
    replicaId,
    begin(workspaceId, runId) {
      if (isClosing) throw serviceUnavailable(new Error('a run was asked for as the server stops'))
      const controller = new AbortController()
      const entry: Entry = { workspaceId, controller, isOver: undefined }
      entries.set(runId, entry)
      return {
        signal: controller.signal,
        until(isOver) {
          const over = (): void => drop(runId)
          entry.isOver = isOver
          isOver.then(over, over)
        },
      }
    },
    drop,
    taken(workspaceId) {
      const ofWorkspace = [...entries.values()].filter((run) => run.workspaceId === workspaceId)
      return { ofWorkspace: ofWorkspace.length, inProcess: entries.size }
    },
    ids: () => [...entries.keys()],
    abort(runId) {
      entries.get(runId)?.controller.abort()
    },
    async close(graceSeconds) {
      isClosing = true
      await withTimeout(allOver(), graceSeconds * 1_000)
      const reason = new RunFailure('The server was stopped before the answer came.')
      for (const { controller } of entries.values()) controller.abort(reason)
      await withTimeout(allOver(), lastMomentsMs)
      stopRenewing()
    },
  }
}
