import type { Principal } from '../../../auth/caller.ts'
import type { Deps } from '../../../deps.ts'
import { rateLimited } from '../../../errors.ts'
import { shownError } from '../../errors.ts'
import { rateLimitHeaders } from '../../headers.ts'
import type { RequestState } from '../../server-context.ts'
import type { Reply, Route, Call as RouteCall } from '../route.ts'
import { OAuthError, oauthErrorReply } from './oauth-error.ts'

/** One request to an endpoint. */
export interface Call extends RouteCall {
  /**
   * Charges whoever was found to call: their key and workspace. The answer tells them how their
   * limits stand. A cost of 0 only looks.
   *
   * @throws RequestError RATE_LIMITED, and nothing is charged
   */
  charge(caller: Principal, cost: number): Promise<void>
}

/** For what is worth while to try again after so many seconds. */
export const tooMuch = (description: string, retryAfterSeconds: number): OAuthError =>
  new OAuthError('temporarily_unavailable', description, {
    status: 429,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })

/** What may be told of whatever ended a call: nothing at all of what was not expected. */
function asOAuthError(error: unknown, logger: Deps['logger'], state: RequestState): OAuthError {
  state.refusal ??= error
  if (error instanceof OAuthError) return error
  const { code, message, details, cause } = shownError(error, logger, state)
  if (code === 'SERVICE_UNAVAILABLE') return new OAuthError('temporarily_unavailable', message)
  if (code === 'UNAUTHENTICATED') return new OAuthError('invalid_client', message)
  if (code === 'RATE_LIMITED') return tooMuch(message, Number(details.retryAfterSeconds))
  if (cause === undefined)
    logger.error({ err: error, requestId: state.requestId }, 'no OAuth error')
  return new OAuthError('server_error', 'Internal server error.')
}

const notAllowed = (methods: readonly string[]): OAuthError =>
  new OAuthError('invalid_request', `Use ${methods.join(', ')}.`, {
    status: 405,
    headers: { allow: [...methods, 'OPTIONS'].join(', ') },
  })

/**
 * An endpoint that answers to one method, and a GET also to HEAD. Whatever `answer` throws becomes
 * an OAuth error; what was not expected is logged under the id that the client is told.
 */
export function endpoint(
  { logger, limits }: Pick<Deps, 'logger' | 'limits'>,
  method: 'GET' | 'POST',
  answer: (call: Call) => Reply | Promise<Reply>,
): Route {
  const methods = method === 'GET' ? ['GET', 'HEAD'] : [method]

  return async (call) => {
    const { state } = call
    const charge = async (caller: Principal, cost: number): Promise<void> => {
      state.caller = caller
      state.charged = await limits.charge(caller, cost)
      if (!state.charged.isAllowed) throw rateLimited(state.charged.retryAfterSeconds)
    }
    const respond = async (): Promise<Reply> => {
      if (!methods.includes(call.request.method)) throw notAllowed(methods)
      return await answer({ ...call, charge })
    }
    const { headers, ...reply } = await respond().catch((error: unknown) =>
      oauthErrorReply(asOAuthError(error, logger, state)),
    )
    return { ...reply, headers: { ...headers, ...rateLimitHeaders(state.charged) } }
  }
}
