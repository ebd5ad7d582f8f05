import Loader from 'dataloader'
import type { FieldNode } from 'graphql'
import type { Caller, Principal } from '../auth/caller.ts'
import type { Deps } from '../deps.ts'
import { RequestError, rateLimited, unauthenticated } from '../errors.ts'
import { AnswerBudget } from '../limits/answer-budget.ts'
import type { Charge } from '../limits/buckets.ts'
import type { RequestMemory } from '../limits/request-memory.ts'
import type { ServiceContext } from '../service-context.ts'
import { type Awaitable, whenKnown } from '../when-known.ts'

/** Loads by id; what is asked for in one go is read in one go. */
export type DataLoader<Value> = Loader<string, Value>

type LoaderName = string | readonly FieldNode[]

/** Loads many keys in one go; results, or what is wrong, in the order of the keys. */
type Load<Value> = (keys: readonly string[]) => Promise<readonly (Value | Error)[]>

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
  charge(cost: number): Awaitable<void>
  /** What the answer may hold. */
  readonly budget: AnswerBudget
  /**
   * The operation's loader of that name, or of a field by its nodes: what is asked for in one go is
   * read in one go, and nothing once the budget has refused the operation.
   */
  loader<Value>(name: LoaderName, load: Load<Value>): DataLoader<Value>
  /** Forgets what loaders have read: after a mutation it may be old. */
  clearLoaders(): void
}

/** What is known of a request before its operation is. */
export interface RequestInfo {
  readonly requestId: string
  readonly address: string | undefined
  /** Undefined for a request without credentials, which may do no more than introspect. */
  readonly principal: Principal | undefined
  /** What it takes of memory until its answer is read; absent where nothing is sent. */
  readonly memory?: RequestMemory | undefined
}

/** @throws RequestError BAD_USER_INPUT for a person who has to say in which workspace they ask */
function inWorkspace(principal: Principal): Caller {
  if (principal.workspaceId !== null) return principal
  throw new RequestError('BAD_USER_INPUT', 'Name one of your workspaces in X-Workspace-Id.', {
    path: ['X-Workspace-Id'],
  })
}

class OperationContext implements Context {
  readonly deps: Deps
  readonly requestId: string
  readonly address: string | undefined
  readonly budget: AnswerBudget
  readonly #principal: Principal | undefined
  #charged: Charge | undefined
  #loaders: Map<LoaderName, DataLoader<unknown>> | undefined

  constructor(deps: Deps, { requestId, address, principal, memory }: RequestInfo) {
    this.budget = new AnswerBudget(memory)
    this.deps = deps
    this.requestId = requestId
    this.address = address
    this.#principal = principal
  }

  get isAnonymous(): boolean {
    return this.#principal === undefined
  }

  get principal(): Principal {
    if (this.#principal === undefined) throw unauthenticated('MISSING')
    return this.#principal
  }

  get caller(): Caller {
    return inWorkspace(this.principal)
  }

  get charged(): Charge | undefined {
    return this.#charged
  }

  charge(cost: number): Awaitable<void> {
    return whenKnown(this.deps.limits.charge(this.principal, cost), (charged) => {
      this.#charged = charged
      if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
    })
  }

  loader<Value>(name: LoaderName, load: Load<Value>): DataLoader<Value> {
    this.#loaders ??= new Map()
    const loadAsked: Load<Value> = async (keys) => {
      if (this.budget.refusal !== undefined) throw this.budget.refusal
      return await load(keys)
    }
    const loader =
      this.#loaders.get(name) ?? new Loader<string, unknown>(loadAsked, { maxBatchSize: 1_000 })
    this.#loaders.set(name, loader)
    return loader as DataLoader<Value>
  }

  clearLoaders(): void {
    this.#loaders = undefined
  }
}

/** A context of its own for one operation: caches live in it and end with it. */
export const createContext = (deps: Deps, request: RequestInfo): Context =>
  new OperationContext(deps, request)
