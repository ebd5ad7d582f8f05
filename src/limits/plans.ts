import type { Plan, Workspace } from '../generated/prisma/client.ts'

/** What a plan allows; null: no limit. */
export interface PlanLimits {
  readonly requestsPerMinute: number | null
  /** How many keys may be live at once. */
  readonly keyLimit: number | null
}

const table: Readonly<Record<Exclude<Plan, 'ENTERPRISE'>, PlanLimits>> = {
  FREE: { requestsPerMinute: 600, keyLimit: 20 },
  PRO: { requestsPerMinute: 3_000, keyLimit: 100 },
  BUSINESS: { requestsPerMinute: 6_000, keyLimit: 1_000 },
}

/** The limits of the workspace's present plan; an ENTERPRISE workspace has limits of its own. */
export const limitsOf = (workspace: Workspace): PlanLimits =>
  workspace.plan === 'ENTERPRISE'
    ? {
        requestsPerMinute: workspace.enterpriseRequestsPerMinute,
        keyLimit: workspace.enterpriseKeyLimit,
      }
    : table[workspace.plan]
