import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { RunStatus } from './generated/prisma/enums.ts'
import type { LimitSubject } from './limits/buckets.ts'

/** Whose limit refused a request. */
export type RefusedSubject = LimitSubject | 'ADDRESS'

/** A request by what there are few of, so that no client makes the metrics grow. */
export interface RequestLabels {
  /** The path, where it is one of ours. */
  readonly route: string
  /** The kind of the operation; undefined where there is none. */
  readonly operation?: string | undefined
  readonly status: number
  /** Of /verify. */
  readonly verdict?: string | undefined
}

/** How the connections to PostgreSQL stand. */
export interface ConnectionPool {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
}

/** What is counted for Prometheus. No workspace, key or address is named. */
export interface Metrics {
  readonly registry: Registry
  countRequest(labels: RequestLabels, seconds: number): void
  /** Counts a request whose credential was missing or not accepted, by the reason in the log. */
  countRefusedCredential(reason: string): void
  /** Counts a credential that was looked for in memory. */
  countLookUp(isHit: boolean): void
  /** Counts an epoch of a workspace that was raised, here or by another server. */
  countEpoch(): void
  /** Shows from now on the connections to the database. */
  watchPool(pool: ConnectionPool): void
  countRefused(subject: RefusedSubject): void
  /** Counts a run that ended, by what it came to. */
  countRun(status: RunStatus): void
  /** Shows from now on how many runs this server waits for. */
  watchRuns(inProgress: () => number): void
  /**
   * Shows from now on whether Redis is up. What it gives counts a charge that Redis did not answer.
   */
  watchRedis(isUp: () => boolean): () => void
  /** Shows from now on whether what this server remembers is trusted. */
  watchLease(isHeld: () => boolean): void
}

/**
 * Metrics of one server, apart from those of any other in the same process.
 *
 * @param options.ofProcess with memory, event loop and garbage collection of the process; once in it
 */
export function createMetrics({ ofProcess = false } = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (ofProcess) collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'latchkey_requests_total',
    help: 'Requests that have ended, by path, kind of operation, status and verdict of /verify.',
    labelNames: ['route', 'operation', 'status', 'verdict'],
    registers,
  })
  const durations = new Histogram({
    name: 'latchkey_request_duration_seconds',
    help: 'How long requests took, until their answer was sent.',
    labelNames: ['route', 'operation'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  })
  const credentials = new Counter({
    name: 'latchkey_credentials_refused_total',
    help: 'Requests whose key, token or sign-in was missing or not accepted, by why.',
    labelNames: ['reason'],
    registers,
  })
  const lookUps = new Counter({
    name: 'latchkey_credential_cache_lookups_total',
    help: 'Credentials that were looked for in memory.',
    labelNames: ['result'],
    registers,
  })
  const epochs = new Counter({
    name: 'latchkey_epochs_raised_total',
    help: 'Changes of workspaces for which this server has forgotten their credentials.',
    registers,
  })
  const refused = new Counter({
    name: 'latchkey_requests_refused_total',
    help: 'Requests that were refused by a limit, by what it is of.',
    labelNames: ['subject'],
    registers,
  })
  const runs = new Counter({
    name: 'latchkey_runs_total',
    help: 'Runs of agents that ended, by what they came to.',
    labelNames: ['status'],
    registers,
  })
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }
  return {
    registry,
    countRequest({ route, operation = '', status, verdict = '' }, seconds) {
      requests.inc({ route, operation, status, verdict })
      durations.observe({ route, operation }, seconds)
    },
    countRefusedCredential: (reason) => credentials.inc({ reason }),
    countLookUp: (isHit) => lookUps.inc({ result: isHit ? 'hit' : 'miss' }),
    countEpoch: () => epochs.inc(),
    watchPool(pool) {
      new Gauge({
        name: 'latchkey_database_connections',
        help: 'Connections to the database, and who waits for one.',
        labelNames: ['state'],
        registers,
        collect() {
          this.set({ state: 'used' }, pool.totalCount - pool.idleCount)
          this.set({ state: 'idle' }, pool.idleCount)
          this.set({ state: 'waiting' }, pool.waitingCount)
        },
      })
    },
    countRefused: (subject) => refused.inc({ subject: subject.toLowerCase() }),
    countRun: (status) => runs.inc({ status: status.toLowerCase() }),
    watchRuns: (inProgress) =>
      gauge(
        'latchkey_runs_in_progress',
        'Runs of agents whose answer this server waits for.',
        inProgress,
      ),
    watchRedis(isUp) {
      gauge('latchkey_redis_up', 'Whether Redis answered when it was last asked.', () =>
        Number(isUp()),
      )
      const inProcess = new Counter({
        name: 'latchkey_requests_limited_in_process_total',
        help: 'Requests charged in this process alone, for Redis did not answer.',
        registers,
      })
      return () => inProcess.inc()
    },
    watchLease: (isHeld) =>
      gauge(
        'latchkey_lease_held',
        'Whether this server holds its lease, so that credentials may be cached.',
        () => Number(isHeld()),
      ),
  }
}
