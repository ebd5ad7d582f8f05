import Loader from 'dataloader'
import type { Caller } from './auth/caller.ts'
import type { Deps } from './deps.ts'
import { unauthenticated } from './errors.ts'
import type { ServiceContext } from './service-context.ts'

/** Loads by id; what is asked for in one go is read in one go. */
export type DataLoader<Value> = Loader<string, Value>

/** Loads many keys in one go; results in the order of the keys. */
type Load<Value> = (keys: readonly string[]) => Promise<readonly Value[]>

/** What resolvers are given: one for each operation. */
export interface Context extends ServiceContext {
  /** Whether there is no caller: asking for one then fails. */
  readonly isAnonymous: boolean
  /** The operation's loader of that name: what is asked for in one go is read in one go. */
  batch<Value>(name: string, load: Load<Value>): DataLoader<Value>
  /** Forgets what loaders have read: after a mutation it may be old. */
  forgetBatches(): void
}

/** What is known of a request before its operation is. */
export interface RequestInfo {
  readonly requestId: string
  readonly address: string | undefined
  /** Undefined for a request without credentials, which may do no more than introspect. */
  readonly caller: Caller | undefined
}

/** A context of its own for one operation: caches live in it and end with it. */
export function createContext(deps: Deps, request: RequestInfo): Context {
  const loaders = new Map<string, DataLoader<unknown>>()
  return {
    deps,
    requestId: request.requestId,
    address: request.address,
    isAnonymous: request.caller === undefined,
    get caller() {
      if (request.caller === undefined) throw unauthenticated('MISSING')
      return request.caller
    },
    batch<Value>(name: string, load: Load<Value>) {
      const loader = loaders.get(name) ?? new Loader<string, unknown>(load, { maxBatchSize: 1_000 })
      loaders.set(name, loader)
      return loader as DataLoader<Value>
    },
    forgetBatches() {
      loaders.clear()
    },
  }
}
