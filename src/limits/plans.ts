import type { Plan, Workspace } from '../generated/prisma/client.ts'

/** What a plan allows; null: no limit. */
export interface PlanLimits {
  /** For the whole workspace. */
  readonly requestsPerMinute: number | null
  /** For each of its keys. */
  readonly requestsPerMinutePerKey: number | null
  /** How many keys may be live at once. */
  readonly keyLimit: number | null
}

/** Every plan, the smallest first. */
export const planNames = [
  'FREE',
  'PRO',
  'BUSINESS',
  'ENTERPRISE',
] as const satisfies readonly Plan[]

/** The highest that a limit can be set to: the largest Int of GraphQL. */
export const maxLimit = 2_147_483_647

/** The plans whose limits are the same for every workspace that has them. */
export type PlanTable = Readonly<Record<Exclude<Plan, 'ENTERPRISE'>, PlanLimits>>

/** The plans as they are unless the operator says otherwise. */
export const builtInPlans: PlanTable = {
  FREE: { requestsPerMinute: 600, requestsPerMinutePerKey: 600, keyLimit: 20 },
  PRO: { requestsPerMinute: 3_000, requestsPerMinutePerKey: 3_000, keyLimit: 100 },
  BUSINESS: { requestsPerMinute: 6_000, requestsPerMinutePerKey: 6_000, keyLimit: 1_000 },
}

/** What of a workspace says what it may use. */
export type WorkspacePlan = Pick<
  Workspace,
  'plan' | 'enterpriseRequestsPerMinute' | 'enterpriseKeyLimit'
>

/** The limits of the workspace's present plan; an ENTERPRISE workspace has limits of its own. */
export const limitsOf = (plans: PlanTable, workspace: WorkspacePlan): PlanLimits =>
  workspace.plan === 'ENTERPRISE'
    ? {
        requestsPerMinute: workspace.enterpriseRequestsPerMinute,
        requestsPerMinutePerKey: workspace.enterpriseRequestsPerMinute,
        keyLimit: workspace.enterpriseKeyLimit,
      }
    : plans[workspace.plan]
