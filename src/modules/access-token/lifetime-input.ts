import { defaultTokenSeconds, maxTokenSeconds, minTokenSeconds } from '../../auth/token-lifetime.ts'
import type { ValidationErrors } from '../../input/problems.ts'

const toSeconds = (instant: Date): Date => new Date(Math.floor(instant.getTime() / 1_000) * 1_000)

/** What a new token must end by, and how the end is called. */
export interface TokenBound {
  readonly end: Date | null
  readonly name: string
}

/**
 * When a token that is made now ends, in whole seconds as its `exp`. What was asked for must lie
 * within every bound; what was not asked for is cut to them.
 */
export function tokenEndInput(
  problems: ValidationErrors,
  now: Date,
  expiresInSeconds: number | null | undefined,
  bounds: readonly TokenBound[],
): Date {
  const path = ['expiresInSeconds']
  const seconds = expiresInSeconds ?? defaultTokenSeconds
  if (seconds < minTokenSeconds || seconds > maxTokenSeconds) {
    problems.add('INVALID', path, `A token lives ${minTokenSeconds} to ${maxTokenSeconds} seconds.`)
    return now
  }
  let end = toSeconds(new Date(now.getTime() + seconds * 1_000))
  for (const bound of bounds) {
    if (bound.end === null || end <= bound.end) continue
    if (expiresInSeconds !== null && expiresInSeconds !== undefined)
      problems.add('EXPIRY_NOT_ALLOWED', path, `${bound.name} ends before that.`)
    end = toSeconds(bound.end)
  }
  if (end <= now) problems.add('EXPIRY_NOT_ALLOWED', path, 'There is not a second left to live.')
  return end
}
