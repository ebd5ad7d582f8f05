import { GraphQLError } from 'graphql'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import { isDatabaseFailure } from '../db/failure.ts'
import { RequestError, type RequestErrorCode, serviceUnavailable } from '../errors.ts'

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
export function httpOf(
  error: RequestError,
): { readonly status: number; readonly headers: Record<string, string> } | undefined {
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

const originOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error

/** The codes of the engine's own that are in the closed set. */
const engineCodes = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_REQUEST']

/** How the engine says what an error makes of the HTTP answer. */
interface EngineHttp {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

const isHttp = (http: unknown): http is EngineHttp =>
  typeof http === 'object' && http !== null && 'status' in http

/**
 * What is no request of GraphQL at all fails by its status for every client, not only for those of
 * the newer media type. Allow is for 405 (RFC 9110, 15.5.6); the engine sends it otherwise too.
 */
const ofNoRequest = ({ status, headers }: EngineHttp) => ({
  status,
  spec: false,
  ...(status === 405 && headers && { headers }),
})

/** The code of an error of the engine that has none of these: of the request, or of a value in it. */
const otherCode = ({ extensions }: GraphQLError): RequestErrorCode =>
  extensions.http && extensions.code ? 'BAD_REQUEST' : 'BAD_USER_INPUT'

/**
 * What may be shown of an error: our own failures with their code, graphql-js's with one, and
 * nothing at all of any other. The cause stays reachable for the log alone.
 */
export function maskError(error: unknown): GraphQLError {
  const origin = originOf(error)
  if (origin instanceof GraphQLError) {
    const { http } = origin.extensions
    const code = engineCodes.find((known) => known === origin.extensions.code) ?? otherCode(origin)
    const itsHttp = code === 'BAD_REQUEST' && isHttp(http) ? { http: ofNoRequest(http) } : {}
    return new GraphQLError(error instanceof GraphQLError ? error.message : origin.message, {
      ...placeOf(error),
      extensions: { code, ...itsHttp },
    })
  }
  const shown = origin instanceof RequestError ? origin : unexpected(origin)
  return new GraphQLError(shown.message, {
    ...placeOf(error),
    originalError: shown,
    extensions: { ...shown.details, code: shown.code },
  })
}

const placeOf = (error: unknown) =>
  error instanceof GraphQLError
    ? {
        nodes: error.nodes ?? null,
        source: error.source ?? null,
        positions: error.positions ?? null,
        path: error.path ?? null,
      }
    : {}

/** What an error has brought to nothing: a part, all that was asked, or that it was done at all. */
export type ErrorReach = 'field' | 'operation' | 'request'

/** An operation that was not executed is no success where the media type tells (GraphQL over HTTP). */
const notExecuted = { status: 400, spec: true }

/**
 * An error as it leaves: with the request's id, and with a status of its own when the whole request
 * came to nothing. Beside data it has none: a client that tries again would do a part twice.
 */
export function outgoing(error: GraphQLError, requestId: string, reach: ErrorReach): GraphQLError {
  const { originalError, extensions } = error
  const own =
    reach !== 'field' && originalError instanceof RequestError ? httpOf(originalError) : undefined
  const http = own ?? extensions.http ?? (reach === 'request' ? notExecuted : undefined)
  return new GraphQLError(withoutSecrets(error.message), {
    ...placeOf(error),
    extensions: { ...extensions, ...(http ? { http } : {}), requestId },
  })
}

/** What the log should hold of a masked error: the cause of one that was not expected. */
export function causeOf(error: GraphQLError): unknown {
  const { originalError } = error
  return originalError instanceof RequestError ? originalError.cause : undefined
}
