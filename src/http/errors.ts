import {
  type ExecutionResult,
  GraphQLError,
  type GraphQLErrorOptions,
  type GraphQLFormattedError,
} from 'graphql'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import { isDatabaseFailure } from '../db/failure.ts'
import type { Deps } from '../deps.ts'
import { RequestError, type RequestErrorCode, serviceUnavailable } from '../errors.ts'
import type { MediaType } from './accepted.ts'
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

/** What an error makes of the HTTP answer. */
interface ErrorHttp {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/**
 * What is no request of GraphQL at all: it fails by its status for every client, not only for those
 * of the newer media type.
 */
export class InvalidGraphQLRequestError extends RequestError {
  readonly http: ErrorHttp

  constructor(message: string, { status = 400, headers = {} }: Partial<ErrorHttp> = {}) {
    super('BAD_REQUEST', message)
    this.http = { status, headers }
  }
}

/** The HTTP status and headers that an error asks for, if any. */
export function httpOf(error: RequestError): ErrorHttp | undefined {
  if (error instanceof InvalidGraphQLRequestError) return error.http
  const status = statuses[error.code]
  if (status === undefined) return undefined
  const headers: Record<string, string> = {}
  if (status === 401) headers['www-authenticate'] = challengeOf(error.details.reason)
  if (status === 429) headers['retry-after'] = String(error.details.retryAfterSeconds)
  if (status === 503) headers['retry-after'] = '1'
  return { status, headers }
}

/** What an unexpected error is shown as: an outage, or a fault of ours, without any of its text. */
export const unexpected = (cause: unknown): RequestError =>
  isDatabaseFailure(cause)
    ? serviceUnavailable(cause)
    : new RequestError('INTERNAL_SERVER_ERROR', 'Internal server error.', {}, { cause })

/** What is shown instead of an operation's outcome. The cause of what was not expected is logged. */
export function shownError(
  error: unknown,
  logger: Deps['logger'],
  state: RequestState,
): RequestError {
  const { requestId } = state
  state.refusal ??= error
  const shown = error instanceof RequestError ? error : unexpected(error)
  if (shown.cause !== undefined) logger.error({ err: shown.cause, requestId }, shown.message)
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
      return maskError(new InvalidGraphQLRequestError(origin.message, http as ErrorHttp))
    return placed(error, error instanceof GraphQLError ? error.message : origin.message, {
      extensions: { code: documentCodes.includes(code) ? code : 'BAD_USER_INPUT' },
    })
  }
  const shown = origin instanceof RequestError ? origin : unexpected(origin)
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

/** An operation that was not executed is no success where the media type tells (GraphQL over HTTP). */
const notExecuted: ErrorHttp = { status: 400, headers: {} }

/**
 * What masked errors make of their answer: the highest status that one of them asks for where the
 * whole request came to nothing. Beside data there is none: a client that tries again would do a
 * part twice.
 */
export function httpOfAnswer(
  errors: readonly GraphQLError[],
  data: ExecutionResult['data'],
  type: MediaType,
): ErrorHttp {
  const isPartial = Object.values(data ?? {}).some((value) => value !== null)
  const orElse =
    data === undefined && type === 'application/graphql-response+json' ? notExecuted : undefined
  const asked = errors
    .map(({ originalError }) =>
      !isPartial && originalError instanceof RequestError
        ? (httpOf(originalError) ?? orElse)
        : orElse,
    )
    .filter((http) => http !== undefined)
  return {
    status: Math.max(200, ...asked.map(({ status }) => status)),
    headers: Object.assign({}, ...asked.map(({ headers }) => headers)),
  }
}

/** An error as it leaves: with the request's id. */
export function outgoing(
  { message, locations, path, extensions }: GraphQLError,
  requestId: string,
): GraphQLFormattedError {
  // By Yoga, of its own status.
  const { http: _, ...shown } = extensions
  return {
    message: withoutSecrets(message),
    ...(locations && { locations }),
    ...(path && { path }),
    extensions: { ...shown, requestId },
  }
}

/** What the log should hold of a masked error: the cause of one that was not expected. */
export function causeOf(error: GraphQLError): unknown {
  const { originalError } = error
  return originalError instanceof RequestError ? originalError.cause : undefined
}
