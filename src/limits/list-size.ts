import type { Principal } from '../auth/caller.ts'
import type { Deps } from '../deps.ts'

/** Whose request it is. */
export interface Asker {
  readonly deps: Deps
  readonly principal: Principal
}

/** What decides how many items a list without pages can hold. */
export interface ListRequest {
  readonly context: Asker
  /** The arguments of the root field that leads to the list. */
  readonly args: Readonly<Record<string, unknown>>
}

/** The most items that a list can hold; `page`: as many as `first` says; `ids`: one for each of `ids`. */
export type ListSize = number | 'page' | 'ids' | ((request: ListRequest) => number)

/**
 * Live spaces that the caller reaches. A key of their own may name more, whose number must not be told
 * by a refusal: what is beyond is left to the limits of a running operation.
 */
export function reachedSpaces({ context: { principal } }: ListRequest): number {
  if (principal.workspaceId === null) return 0
  return principal.rights.allSpaces ? principal.liveSpaces : principal.rights.spaces.size
}
