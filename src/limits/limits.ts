import type { Caller } from '../auth/caller.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import { bucketsOf, type Charge } from './buckets.ts'
import { createInProcessLimiter } from './in-process-limiter.ts'
import { builtInPlans, type PlanTable } from './plans.ts'

/** What is limited, and how much of it has been used. */
export interface Limits {
  readonly plans: PlanTable
  readonly attempts: Attempts
  /** Charges what a caller asks for to their key and workspace; a cost of 0 only looks. */
  charge(caller: Caller, cost: number): Promise<Charge>
  close(): Promise<void>
}

export interface LimitsOptions {
  readonly plans?: PlanTable
}

/** Limits that are counted in this process. */
export function createLimits({ plans = builtInPlans }: LimitsOptions = {}): Limits {
  const limiter = createInProcessLimiter()
  return {
    plans,
    attempts: createAttempts(),
    charge: (caller, cost) => limiter.charge(caller.workspaceId, bucketsOf(plans, caller), cost),
    close: () => Promise.resolve(),
  }
}
