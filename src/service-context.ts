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
