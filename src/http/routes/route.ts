import { Response as MemoryResponse } from '@whatwg-node/server'
import type { Principal } from '../../auth/caller.ts'
import type { Deps } from '../../deps.ts'
import { type RequestError, type RequestErrorCode, rateLimited } from '../../errors.ts'
import { httpOf, maskError, outgoing } from '../errors.ts'
import { commonHeaders, type ResponseHeaders } from '../headers.ts'
import type { RequestState } from '../server-context.ts'

/** A request to a route. */
export interface Call {
  readonly request: Request
  /** What is known of it, and where what the log tells of it is noted. */
  readonly state: RequestState
}

/** What a route answers. */
export interface Reply {
  readonly status: number
  /** In lower case; beside the common ones, or instead of one. */
  readonly headers?: ResponseHeaders
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null
}

/** Answers requests at a path of its own. */
export type Route = (call: Call) => Reply | Promise<Reply>

/** The reply as it leaves. Only a stream needs Node's own Response, which takes longer to make. */
export function responseOf({ status, headers, body = null }: Reply, requestId: string): Response {
  const init = { status, headers: { ...commonHeaders(requestId), ...headers } }
  return body instanceof ReadableStream ? new Response(body, init) : new MemoryResponse(body, init)
}

export const jsonReply = (status: number, body: unknown, headers?: ResponseHeaders) => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
})

export const notFound: Route = () => jsonReply(404, { error: 'not found' })

/**
 * Charges the caller: their key and workspace. A cost of 0 only looks.
 *
 * @throws RequestError RATE_LIMITED, and nothing is charged
 */
export async function charge(
  { limits }: Pick<Deps, 'limits'>,
  { state }: Call,
  caller: Principal,
  cost: number,
): Promise<void> {
  state.caller = caller
  state.charged = await limits.charge(caller, cost)
  if (!state.charged.isAllowed) throw rateLimited(state.charged.retryAfterSeconds)
}

/** The status of what is a failure of one field in an operation, where there is no operation. */
const fieldStatuses: Partial<Record<RequestErrorCode, number>> = {
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
}

/** A failure of the whole request, shaped as GraphQL answers are (GraphQL over HTTP). */
export function errorReply(error: RequestError, requestId: string) {
  const { status = fieldStatuses[error.code] ?? 500, headers } = httpOf(error) ?? {}
  return jsonReply(status, { errors: [outgoing(maskError(error), requestId)] }, headers)
}
