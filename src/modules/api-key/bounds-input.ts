import type { KeySettings } from '../../auth/delegation.ts'
import { lifetimeEnd } from '../../auth/key-record.ts'
import { instantProblem, parseInstant } from '../../input/instant.ts'
import type { ValidationErrors } from '../../input/problems.ts'
import { limitsOf } from '../../limits/plans.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

type Base = KeySettings & { readonly createdAt: Date }

/** When the key is to end: an instant to come, within the workspace's policy; null: never by itself. */
export function expiryInput(
  { now, workspace }: WorkspaceTransaction,
  problems: ValidationErrors,
  base: Base,
  value: string | null | undefined,
): Date | null {
  if (value === undefined) return base.expiresAt
  if (value === null) return null
  const expiresAt = parseInstant(value)
  const end = lifetimeEnd(base.createdAt, workspace.maxKeyLifetimeDays)
  if (expiresAt === undefined) problems.add('INVALID', ['expiresAt'], instantProblem(value))
  else if (expiresAt <= now) problems.add('INVALID', ['expiresAt'], 'This is in the past.')
  else if (end !== null && expiresAt > end)
    problems.add(
      'EXPIRY_NOT_ALLOWED',
      ['expiresAt'],
      `The workspace lets this key live until ${end.toISOString()} at the longest.`,
    )
  return expiresAt ?? null
}

/** The key's own limit, not above the plan's: 0 blocks, null is the plan's. */
export function requestsPerMinuteInput(
  { deps, workspace }: WorkspaceTransaction,
  problems: ValidationErrors,
  base: Base,
  value: number | null | undefined,
): number | null {
  if (value === undefined) return base.requestsPerMinute
  const limit = limitsOf(deps.limits.plans, workspace).requestsPerMinutePerKey
  if (value !== null && value < 0)
    problems.add('INVALID', ['requestsPerMinute'], 'A limit is 0 or more.')
  else if (value !== null && limit !== null && value > limit)
    problems.add('INVALID', ['requestsPerMinute'], `The plan's limit for a key is ${limit}.`)
  return value
}
