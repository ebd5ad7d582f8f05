import {
  type ExecutionResult,
  GraphQLError,
  type GraphQLErrorOptions,
  type GraphQLFormattedError,
} from 'graphql'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import { isDatabaseFailure } from '../db/failure.ts'
import type { Deps } from '../deps.ts'
import {
  badRequest,
  type HttpFailure,
  RequestError,
  type RequestErrorCode,
  serviceUnavailable,
} from '../errors.ts'
import type { MediaType } from './content-negotiation.ts'
import type { RequestState } from './server-context.ts'

/** The status of a failure of the whole request. */
const statuses: Partial<Record<RequestErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  WORKSPACE_NOT_FOUND: 404,
  BAD_REQUEST: 400,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
}

/** What a 401 says of the credential that was missing or not accepted (RFC 6750, 3). */
export const challengeOf = (reason: unknown): string =>
  reason === 'MISSING' ? 'Bearer' : 'Bearer error="invalid_token"'

/** The HTTP status and headers that an error asks for, if any. */
export function httpOf(error: unknown): HttpFailure | undefined {
  if (!(error instanceof RequestError)) return undefined
  const status = statuses[error.code]
  if (error.http !== undefined || status === undefined) return error.http
  const headers: Record<string, string> = {}
  if (status === 401) headers['www-authenticate'] = challengeOf(error.details.reason)
  if (status === 429) headers['retry-after'] = String(error.details.retryAfterSeconds)
  if (status === 503) headers['retry-after'] = '1'
  return { status, headers }
}

/** What an error is shown as: an unexpected one as an outage, or a fault of ours, without its text. */
function expected(error: unknown): RequestError {
  if (error instanceof RequestError) return error
  return isDatabaseFailure(error)
    ? serviceUnavailable(error)
    : new RequestError('INTERNAL_SERVER_ERROR', 'Internal server error.', {}, { cause: error })
}

/** Logs the cause of what was not expected. */
export function logCause(error: unknown, logger: Deps['logger'], requestId: string): void {
  if (error instanceof RequestError && error.cause !== undefined)
    logger.error({ err: error.cause, requestId }, error.message)
}

/** What is shown instead of an operation's outcome. The cause of what was not expected is logged. */
export function shownError(
  error: unknown,
  logger: Deps['logger'],
  state: RequestState,
): RequestError {
  state.refusal ??= error
  const shown = expected(error)
  logCause(shown, logger, state.requestId)
  return shown
}

const originOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error

/** What a document is refused by; any other error of graphql-js is one of a value. */
const documentCodes: readonly unknown[] = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED']

/**
 * What may be shown of an error: our own failures with their code, graphql-js's with one, and
 * nothing at all of any other. The cause stays reachable for the log alone.
 */
export function maskError(error: unknown): GraphQLError {
  const origin = originOf(error)
  if (origin instanceof GraphQLError) {
    const { code, http } = origin.extensions
    if (http !== undefined && !documentCodes.includes(code))
      return maskError(badRequest(origin.message, http as HttpFailure))
    return placed(error, error instanceof GraphQLError ? error.message : origin.message, {
      extensions: { code: documentCodes.includes(code) ? code : 'BAD_USER_INPUT' },
    })
  }
  const shown = expected(origin)
  return placed(error, shown.message, {
    originalError: shown,
    extensions: { ...shown.details, code: shown.code },
  })
}

/** Another error in the place of one. Its lines are not looked for again: each time takes a while. */
function placed(error: unknown, message: string, options: GraphQLErrorOptions): GraphQLError {
  if (!(error instanceof GraphQLError)) return new GraphQLError(message, options)
  const another = new GraphQLError(message, { ...options, path: error.path ?? null })
  return Object.assign(another, { locations: error.locations })
}

/**
 * What masked errors make of their answer: the highest status that one of them asks for where the
 * whole request came to nothing. Beside data there is none: a client that tries again would do a
 * part twice. An operation that was not executed is no success where the media type tells (GraphQL
 * over HTTP).
 */
export function httpOfAnswer(
  errors: readonly GraphQLError[],
  data: ExecutionResult['data'],
  type: MediaType,
): HttpFailure {
  if (errors.length === 0 && data !== undefined) return { status: 200, headers: {} }
  const isPartial = Object.values(data ?? {}).some((value) => value !== null)
  const asked = errors
    .map(({ originalError }) => (isPartial ? undefined : httpOf(originalError)))
    .filter((http) => http !== undefined)
  const least = data === undefined && type === 'application/graphql-response+json' ? 400 : 200
  return {
    status: Math.max(least, ...asked.map(({ status }) => status)),
    headers: Object.assign({}, ...asked.map(({ headers }) => headers)),
  }
}

/** An error as it leaves: with the request's id. */
export function outgoing(error: GraphQLError, requestId: string): GraphQLFormattedError {
  // By Yoga, of its own status.
  const { http: _, ...shown } = error.extensions
  const message = withoutSecrets(error.message)
  return { ...error.toJSON(), message, extensions: { ...shown, requestId } }
}
