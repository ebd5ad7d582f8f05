import type { Caller } from '../../auth/caller.ts'
import { holds } from '../../auth/policy.ts'

/** A key that a message is about, and whether its row is one that the caller sees. */
export interface KeyToTell {
  readonly record: { readonly name: string }
  readonly isVisible: boolean
}

const mostNames = 20

/** The keys as a message may tell them: some of those that the caller may read, the rest as a number. */
export function toldKeys({ rights }: Caller, keys: readonly KeyToTell[]): string {
  const names = keys
    .filter(({ isVisible }) => isVisible && holds(rights, 'keys:read'))
    .slice(0, mostNames)
    .map(({ record }) => JSON.stringify(record.name))
  const rest = keys.length - names.length
  return [...names, ...(rest > 0 ? [`${rest} ${names.length > 0 ? 'more' : 'in all'}`] : [])].join(
    ', ',
  )
}
