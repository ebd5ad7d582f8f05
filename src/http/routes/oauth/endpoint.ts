import type { Deps } from '../../../deps.ts'
import { httpOf, shownError } from '../../errors.ts'
import { rateLimitHeaders } from '../../headers.ts'
import type { Call, Reply, Route } from '../route.ts'
import { OAuthError, oauthErrorReply } from './oauth-error.ts'
import { isBearer } from './verifier.ts'

/** What a client may read about an error: nothing about an unexpected one. */
function asOAuthError(
  error: unknown,
  logger: Deps['logger'],
  { request, state }: Call,
): OAuthError {
  state.refusal ??= error
  if (error instanceof OAuthError) return error
  const shown = shownError(error, logger, state)
  const { code, message, cause } = shown
  if (code === 'SERVICE_UNAVAILABLE' || code === 'RATE_LIMITED')
    return new OAuthError('temporarily_unavailable', message, httpOf(shown))
  if (code === 'UNAUTHENTICATED')
    return new OAuthError(isBearer(request) ? 'invalid_token' : 'invalid_client', message)
  if (cause === undefined)
    logger.error({ err: error, requestId: state.requestId }, 'no OAuth error')
  return new OAuthError('server_error', 'Internal server error.')
}

/**
 * An endpoint that answers to one method, and a GET also to HEAD. Whatever `answer` throws becomes
 * an OAuth error; an unexpected error is logged under the request id that the client gets.
 */
export function endpoint(
  { logger }: Pick<Deps, 'logger'>,
  method: 'GET' | 'POST',
  answer: (call: Call) => Reply | Promise<Reply>,
): Route {
  const methods = method === 'GET' ? ['GET', 'HEAD'] : [method]
  return async (call) => {
    let reply: Reply
    try {
      if (!methods.includes(call.request.method))
        throw new OAuthError('invalid_request', `Use ${methods.join(', ')}.`, {
          status: 405,
          headers: { allow: [...methods, 'OPTIONS'].join(', ') },
        })
      reply = await answer(call)
    } catch (error) {
      reply = oauthErrorReply(asOAuthError(error, logger, call))
    }
    return { ...reply, headers: { ...reply.headers, ...rateLimitHeaders(call.state.charged) } }
  }
}
