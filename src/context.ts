import Loader from 'dataloader'
import type { Caller, Principal } from './auth/caller.ts'
import type { Deps } from './deps.ts'
import { RequestError, rateLimited, unauthenticated } from './errors.ts'
import type { Charge } from './limits/buckets.ts'
import type { ServiceContext } from './service-context.ts'

/** Loads by id; what is asked for in one go is read in one go. */
export type DataLoader<Value> = Loader<string, Value>

/** Loads many keys in one go; results in the order of the keys. */
type Load<Value> = (keys: readonly string[]) => Promise<readonly Value[]>

/** What resolvers are given: one for each operation. */
export interface Context extends ServiceContext {
  /** Whether nobody asks: asking who then fails. */
  readonly isAnonymous: boolean
  /** Who asks, in a workspace or in none. `caller` is the same, and fails where there is none. */
  readonly principal: Principal
  /** What came of charging the request; undefined: it has not been charged. */
  readonly charged: Charge | undefined
  /**
   * Charges the request to its caller's key and workspace.
   *
   * @throws RequestError RATE_LIMITED, and nothing is charged
   */
  charge(cost: number): Promise<void>
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
  readonly principal: Principal | undefined
}

/** @throws RequestError BAD_USER_INPUT for a person who has to say in which workspace they ask */
function inWorkspace(principal: Principal): Caller {
  if (principal.workspaceId !== null) return principal
  throw new RequestError('BAD_USER_INPUT', 'Name one of your workspaces in X-Workspace-Id.', {
    path: ['X-Workspace-Id'],
  })
}

/** A context of its own for one operation: caches live in it and end with it. */
export function createContext(deps: Deps, request: RequestInfo): Context {
  const loaders = new Map<string, DataLoader<unknown>>()
  let charged: Charge | undefined
  return {
    deps,
    requestId: request.requestId,
    address: request.address,
    isAnonymous: request.principal === undefined,
    get principal() {
      if (request.principal === undefined) throw unauthenticated('MISSING')
      return request.principal
    },
    get caller() {
      return inWorkspace(this.principal)
    },
    get charged() {
      return charged
    },
    async charge(cost) {
      charged = await deps.limits.charge(this.principal, cost)
      if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
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
