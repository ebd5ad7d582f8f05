import { type BucketState, type Charge, windowMs } from '../limits/buckets.ts'

/** What an answer says of limits, where a page of another origin may read it. */
export const rateLimitHeaderNames = [
  'RateLimit-Policy',
  'RateLimit',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
] as const

/** As they are sent. */
const sentNames = rateLimitHeaderNames.map((name) => name.toLowerCase())

const windowSeconds = windowMs / 1_000

const policyName = ({ subject }: BucketState): string => `"${subject.toLowerCase()}"`

const seconds = (ms: number): number => Math.ceil(ms / 1_000)

/** The one that is nearest to refusing; of two that are, the one that does so for longer. */
const tightest = (states: readonly BucketState[]): BucketState | undefined =>
  [...states].sort((a, b) => a.remaining - b.remaining || b.resetMs - a.resetMs)[0]

/**
 * How the limits of a caller stand after a request: each policy as a structured field
 * (draft-ietf-httpapi-ratelimit-headers), and the tightest one in the three headers that came before
 * the draft, with the reset in seconds since 1970. Nothing where nothing is limited, or nothing was charged.
 */
export function rateLimitHeaders(
  { states }: Pick<Charge, 'states'> = { states: [] },
): Record<string, string> {
  const first = tightest(states)
  if (first === undefined) return {}
  const policies = states.map((state) => `${policyName(state)};q=${state.limit};w=${windowSeconds}`)
  const limits = states.map(
    (state) => `${policyName(state)};r=${state.remaining};t=${seconds(state.resetMs)}`,
  )
  const values = [
    policies.join(', '),
    limits.join(', '),
    String(first.limit),
    String(first.remaining),
    String(seconds(first.resetAt.getTime())),
  ]
  return Object.fromEntries(sentNames.map((name, index) => [name, values[index] ?? '']))
}
