import { randomUUID } from 'node:crypto'
import type { Principal } from '../../../auth/caller.ts'
import { isDatabaseFailure } from '../../../db/failure.ts'
import type { Deps } from '../../../deps.ts'
import { RequestError, rateLimited } from '../../../errors.ts'
import type { Charge } from '../../../limits/buckets.ts'
import { allowAnyOrigin, preflightResponse } from '../../cors.ts'
import { setRateLimitHeaders } from '../../rate-limit-headers.ts'
import { OAuthError, oauthErrorResponse } from './oauth-error.ts'

/** One request to an endpoint. */
export interface Call {
  readonly request: Request
  /** The client's; undefined when it is not known. */
  readonly address: string | undefined
  readonly requestId: string
  /**
   * Charges whoever was found to call: their key and workspace. The answer tells them how their
   * limits stand. A cost of 0 only looks.
   *
   * @throws RequestError RATE_LIMITED, and nothing is charged
   */
  charge(caller: Principal, cost: number): Promise<void>
}

/** What answers under one path, to a client whose address may not be known. */
export type Endpoint = (request: Request, address?: string) => Promise<Response>

const outage = (cause: unknown): OAuthError =>
  new OAuthError('temporarily_unavailable', 'Temporarily unavailable; try again.', { cause })

/** For what is worth while to try again after so many seconds. */
export const tooMuch = (description: string, retryAfterSeconds: number): OAuthError =>
  new OAuthError('temporarily_unavailable', description, {
    status: 429,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })

/** What may be told of whatever ended a call: nothing at all of what was not expected. */
function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (isDatabaseFailure(error)) return outage(error)
  if (error instanceof RequestError) {
    if (error.code === 'SERVICE_UNAVAILABLE') return outage(error.cause)
    if (error.code === 'UNAUTHENTICATED') return new OAuthError('invalid_client', error.message)
    if (error.code === 'RATE_LIMITED')
      return tooMuch(error.message, Number(error.details.retryAfterSeconds))
  }
  return new OAuthError('server_error', 'Internal server error.', { cause: error })
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
  answer: (call: Call) => Response | Promise<Response>,
): Endpoint {
  const methods = method === 'GET' ? ['GET', 'HEAD'] : [method]

  const respond = async (call: Call): Promise<Response> => {
    try {
      if (call.request.method === 'OPTIONS') return preflightResponse(methods)
      if (!methods.includes(call.request.method)) throw notAllowed(methods)
      return await answer(call)
    } catch (error) {
      const shown = asOAuthError(error)
      const { cause, message } = shown
      if (cause !== undefined) logger.error({ err: cause, requestId: call.requestId }, message)
      return oauthErrorResponse(shown)
    }
  }

  return async (request, address) => {
    const requestId = randomUUID()
    const charges: Charge[] = []
    const charge = async (caller: Principal, cost: number): Promise<void> => {
      const charged = await limits.charge(caller, cost)
      charges.push(charged)
      if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
    }
    const response = await respond({ request, address, requestId, charge })
    setRateLimitHeaders(response, charges.at(-1))
    response.headers.set('x-request-id', requestId)
    response.headers.set('x-content-type-options', 'nosniff')
    return allowAnyOrigin(response)
  }
}
