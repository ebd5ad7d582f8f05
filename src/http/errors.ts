import { GraphQLError } from 'graphql'
import { isDatabaseFailure } from '../db/failure.ts'
import { RequestError, type RequestErrorCode, serviceUnavailable } from '../errors.ts'

/** Failures of the whole request set its status; those of one field leave it at 200. */
const statuses: Partial<Record<RequestErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  WORKSPACE_NOT_FOUND: 404,
  BAD_REQUEST: 400,
  SERVICE_UNAVAILABLE: 503,
}

/** The HTTP status and headers that an error asks for, if any. */
export function httpOf(
  error: RequestError,
): { readonly status: number; readonly headers: Record<string, string> } | undefined {
  const status = statuses[error.code]
  if (status === undefined) return undefined
  const headers: Record<string, string> = {}
  if (status === 401)
    headers['www-authenticate'] =
      error.details.reason === 'MISSING' ? 'Bearer' : 'Bearer error="invalid_token"'
  if (status === 503) headers['retry-after'] = '1'
  return { status, headers }
}

/** What an unexpected error is shown as: an outage, or a fault of ours, without any of its text. */
const unexpected = (cause: unknown): RequestError =>
  isDatabaseFailure(cause)
    ? serviceUnavailable(cause)
    : new RequestError('INTERNAL_SERVER_ERROR', 'Internal server error.', {}, { cause })

const originOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error

/**
 * What may be shown of an error: our own failures with their code, graphql-js's with one, and
 * nothing at all of any other. The cause stays reachable for the log alone.
 */
export function maskError(error: unknown): GraphQLError {
  const origin = originOf(error)
  if (origin instanceof GraphQLError) {
    const code = origin.extensions.code ?? 'BAD_USER_INPUT'
    return new GraphQLError(origin.message, {
      ...placeOf(error),
      extensions: { ...origin.extensions, code },
    })
  }
  const shown = origin instanceof RequestError ? origin : unexpected(origin)
  const http = httpOf(shown)
  return new GraphQLError(shown.message, {
    ...placeOf(error),
    originalError: shown,
    extensions: { ...shown.details, code: shown.code, ...(http && { http }) },
  })
}

const placeOf = (error: unknown) =>
  error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {}

/** What the log should hold of a masked error: the cause of one that was not expected. */
export function causeOf(error: GraphQLError): unknown {
  const { originalError } = error
  return originalError instanceof RequestError ? originalError.cause : undefined
}
