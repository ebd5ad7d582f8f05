import type { Context } from '../context.ts'
import type { MediaType } from './accepted.ts'
import type { Peer } from './node/peer.ts'

/** What the plugins learn of one request, in their order. */
export interface RequestState {
  readonly peer: Peer
  /** Set by `useRoutes`; undefined: not known. */
  address: string | undefined
  /** Set by `useRequestId`. */
  requestId: string
  /** Of the answer; set by `useContentNegotiation`. */
  mediaType: MediaType
  /** Whether anything else can be answered instead; set by `useResponse`. */
  isRefusable: boolean
  /** Of the operation; set by `useAuthentication`, undefined for a request that it refuses. */
  context: Context | undefined
}

/**
 * What Yoga carries from hook to hook. It passes copies, so what changes is one object inside, and
 * none of its classes with private fields can be the context itself.
 */
export interface ServerContext {
  readonly state: RequestState
}

export const createServerContext = (peer: Peer): ServerContext => ({
  state: {
    peer,
    address: undefined,
    requestId: '',
    mediaType: 'application/json',
    isRefusable: true,
    context: undefined,
  },
})

/**
 * The context of the operation.
 *
 * @throws for a request that was never authenticated: no hook behind authentication runs for one
 */
export function operationContext({ state }: ServerContext): Context {
  if (state.context === undefined) throw new Error('the request was not authenticated')
  return state.context
}
