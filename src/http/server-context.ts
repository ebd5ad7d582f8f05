import { randomUUID } from 'node:crypto'
import type { OperationDefinitionNode } from 'graphql'
import type { Principal } from '../auth/caller.ts'
import type { Charge } from '../limits/buckets.ts'
import type { RequestMemory } from '../limits/request-memory.ts'
import type { Context } from '../schema/context.ts'
import type { MediaType } from './content-negotiation.ts'

/** Whom a request comes from, as the socket tells it. */
export interface ConnectionInfo {
  /** Absent when it is not known. */
  readonly address?: string | undefined
  /** What the request takes of memory until its answer is read; absent where there is no socket. */
  readonly memory?: RequestMemory
}

/** What is learned of one request while it is answered. */
export interface RequestState {
  readonly peer: ConnectionInfo
  /** Names the request, for its answer, errors, audit events and log lines. */
  readonly requestId: string
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number
  /** Set by `useRoutes`; undefined: not known. */
  address?: string | undefined
  /** Whether a trusted proxy told the address; set by `useRoutes`. */
  isForwarded?: boolean
  /** As it was sent, without the query string; set by `useRoutes`, else empty. */
  path: string
  /** What answers, of a closed set; set by `useRoutes`. */
  route: string
  /** Of the answer; set by `useContentNegotiation`. */
  mediaType: MediaType
  /** Set by `useDocumentCache`, also for one that is not valid. */
  operation?: OperationDefinitionNode | undefined
  /** Whether anything else can be answered instead; set by `useOperationLimits`. */
  isRefusable: boolean
  /** Of the operation; set by `useAuthentication`, undefined for a request that it refuses. */
  context?: Context | undefined
  /** Who asks, as soon as that is known. */
  caller?: Principal | undefined
  /** Set by routes; an operation's is its context's until it is answered. */
  charged?: Charge | undefined
  /** What ended the request, or the first of the errors in its answer, a denial before all others. */
  refusal?: unknown
  /** Of /verify, and on whom it is. */
  verdict?: { readonly code: string; readonly caller?: Principal | undefined }
}

/**
 * What Yoga carries from hook to hook. It passes copies, so what changes is one object inside, and
 * none of its classes with private fields can be the context itself.
 */
export interface ServerContext {
  readonly state: RequestState
}

export const createServerContext = (peer: ConnectionInfo): ServerContext => ({
  state: {
    peer,
    requestId: randomUUID(),
    startedAt: performance.now(),
    path: '',
    route: 'none',
    mediaType: 'application/json',
    isRefusable: true,
  },
})

/**
 * Lets go of what an operation has read, once it is answered: its client may take long to read the
 * answer, and nothing else counts it. What the log tells of it stays.
 */
export function forgetOperation(state: RequestState): void {
  state.charged ??= state.context?.charged
  state.context = undefined
}

/**
 * The context of the operation.
 *
 * @throws for a request that was never authenticated: no hook behind authentication runs for one
 */
export function operationContext({ state }: ServerContext): Context {
  if (state.context === undefined) throw new Error('the request was not authenticated')
  return state.context
}
