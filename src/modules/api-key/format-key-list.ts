import type { Caller } from '../../auth/caller.ts'
import { holds } from '../../auth/policy.ts'

/** A key that a message is about, and whether its row is one that the caller sees. */
export interface ListedKey {
  readonly record: { readonly name: string }
  readonly isVisible: boolean
}

const maxNames = 20

/**
 * The end of a sentence about keys: the names of those that the caller may read, 20 at most, and how
 * many more there are of them. Of others it tells nothing, not even how many there are.
 */
export function formatKeyList({ rights }: Caller, keys: readonly ListedKey[]): string {
  const readable = keys.filter(({ isVisible }) => isVisible && holds(rights, 'keys:read'))
  if (readable.length === 0) return '.'
  const names = readable.slice(0, maxNames).map(({ record }) => JSON.stringify(record.name))
  const rest = readable.length - names.length
  return `: ${[...names, ...(rest > 0 ? [`${rest} more`] : [])].join(', ')}.`
}
