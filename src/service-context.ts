import type { Caller } from './auth/caller.ts'
import type { Deps } from './deps.ts'

/** On whose behalf a service acts, and for which request. */
export interface ServiceContext {
  readonly deps: Deps
  readonly caller: Caller
  readonly requestId: string
  /** The client's address; undefined when it is not known. */
  readonly address: string | undefined
}

/** The operator on the command line, in one workspace: a service checks no rights of theirs. */
export interface OperatorContext {
  readonly deps: Deps
  readonly caller: null
  readonly workspaceId: string
  readonly address?: undefined
}
