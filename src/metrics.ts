import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { RunStatus } from './generated/prisma/enums.ts'
import type { LimitSubject } from './limits/buckets.ts'

/** Whose limit refused a request. */
export type RefusedSubject = LimitSubject | 'ADDRESS'

/** What is counted for Prometheus. No workspace, key or address is named: anybody may read it. */
export interface Metrics {
  readonly registry: Registry
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
  return {
    registry,
    countRefused: (subject) => refused.inc({ subject: subject.toLowerCase() }),
    countRun: (status) => runs.inc({ status: status.toLowerCase() }),
    watchRuns(inProgress) {
      new Gauge({
        name: 'latchkey_runs_in_progress',
        help: 'Runs of agents whose answer this server waits for.',
        registers,
        collect() {
          this.set(inProgress())
        },
      })
    },
    watchRedis(isUp) {
      new Gauge({
        name: 'latchkey_redis_up',
        help: 'Whether Redis answered when it was last asked.',
        registers,
        collect() {
          this.set(Number(isUp()))
        },
      })
      const inProcess = new Counter({
        name: 'latchkey_requests_limited_in_process_total',
        help: 'Requests charged in this process alone, for Redis did not answer.',
        registers,
      })
      return () => inProcess.inc()
    },
    watchLease(isHeld) {
      new Gauge({
        name: 'latchkey_lease_held',
        help: 'Whether changes by other servers are heard of, so that credentials may be remembered.',
        registers,
        collect() {
          this.set(Number(isHeld()))
        },
      })
    },
  }
}
