import type { Context } from '../context.ts'

/** Whose request it is. */
export type Asker = Pick<Context, 'deps' | 'principal'>

/** What decides how many items a list without pages can hold. */
export interface ListRequest {
  readonly context: Asker
  /** The arguments of the root field that leads to the list. */
  readonly args: Readonly<Record<string, unknown>>
}

/** The most items that a list can hold; `page`: as many as `first` says. */
export type ListSize = number | 'page' | ((request: ListRequest) => number)

/** Live spaces of the workspace. */
export const liveSpaces = ({ context: { principal } }: ListRequest): number =>
  principal.workspaceId === null ? 0 : principal.liveSpaces

/** Live spaces that the caller reaches. */
export function reachedSpaces(request: ListRequest): number {
  const { principal } = request.context
  if (principal.workspaceId === null) return 0
  return principal.rights.allSpaces ? liveSpaces(request) : principal.rights.spaces.size
}
