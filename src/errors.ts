/** Why an expected failure of a mutation happened; the enum of the same name in the API. */
export type UserErrorCode =
  | 'INVALID'
  | 'NOT_FOUND'
  | 'NAME_TAKEN'
  | 'UNKNOWN_PERMISSION'
  | 'PERMISSION_DEPENDENCY_MISSING'
  | 'PERMISSION_NOT_GRANTABLE'
  | 'SPACE_NOT_GRANTABLE'
  | 'EXPIRY_NOT_ALLOWED'
  | 'LIMIT_REACHED'
  | 'WRONG_STATE'
  | 'IN_USE'
  | 'CONFLICT'

/** An expected failure, with the input field at fault. */
export interface UserError {
  readonly code: UserErrorCode
  readonly message: string
  readonly path: readonly string[] | null
}

/** Ends a mutation with expected failures: nothing is changed, and they are answered as data. */
export class UserInputError extends Error {
  override readonly name = 'UserInputError'
  readonly errors: readonly UserError[]
  constructor(errors: readonly UserError[]) {
    super(errors.map(({ message }) => message).join('; '))
    this.errors = errors
  }
}

/** A `UserInputError` with one failure. */
export const userError = (
  code: UserErrorCode,
  path: readonly string[] | null,
  message: string,
): UserInputError => new UserInputError([{ code, message, path }])

/** Why a credential was not accepted. Beyond UNKNOWN it is told only to who presented the secret. */
export type CredentialReason =
  | 'MISSING'
  | 'MALFORMED'
  | 'UNKNOWN'
  | 'EXPIRED'
  | 'REVOKED'
  | 'ROTATED'
  | 'DISABLED'
  | 'OWNER_REMOVED'
  | 'IP_NOT_ALLOWED'

/** The codes of failures that are not a mutation's own: who are you, may you, is it there at all. */
export type RequestErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'WORKSPACE_NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'BAD_REQUEST'
  | 'PERSISTED_QUERY_NOT_SUPPORTED'
  | 'QUERY_TOO_COMPLEX'
  | 'RATE_LIMITED'
  | 'SERVICE_UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR'

/** Why a credential was not accepted, where who presented it learns no more than UNKNOWN. */
export type LoggedReason =
  | 'WRONG_ISSUER'
  | 'WRONG_AUDIENCE'
  | 'WRONG_WORKSPACE'
  | 'NOT_YET_VALID'
  | 'INVALID_CLAIM'
  | 'INVALID_SIGNATURE'
  | 'UNKNOWN_SIGNING_KEY'
  | 'NO_ACCESS_TOKEN'
  | 'NO_VERIFIED_EMAIL'
  | 'NO_MEMBER'

/** What the log holds of a refused credential, and the answer does not. */
export interface LoggedRefusal {
  readonly reason?: LoggedReason | undefined
  /** By how much the time of a token lies beyond this machine's. */
  readonly offBySeconds?: number | undefined
  readonly workspaceId?: string | undefined
  readonly keyId?: string | undefined
  readonly tokenId?: string | undefined
  readonly userId?: string | undefined
}

/** The HTTP answer to a request that fails as a whole. */
export interface HttpFailure {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A failure of the request or of one field, answered as a GraphQL error with this code. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode
  readonly details: Readonly<Record<string, unknown>>
  /** For the log alone. */
  readonly logged: LoggedRefusal
  /** Instead of what the code asks for. */
  readonly http: HttpFailure | undefined
  constructor(
    code: RequestErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: ErrorOptions & { readonly logged?: LoggedRefusal; readonly http?: HttpFailure } = {},
  ) {
    super(message, options)
    this.code = code
    this.details = details
    this.logged = options.logged ?? {}
    this.http = options.http
  }
}

const reasons: Readonly<Record<CredentialReason, string>> = {
  MISSING:
    'Send a key or token in the Authorization header, as a Bearer token, or a key in X-API-Key.',
  MALFORMED: 'This is no well-formed key or token.',
  UNKNOWN: 'This credential is not known.',
  EXPIRED: 'This credential has expired.',
  REVOKED: 'This credential has been revoked.',
  ROTATED: 'This credential has been replaced by a newer one.',
  DISABLED: 'This API key is disabled.',
  OWNER_REMOVED: 'The owner of this API key is no longer a member of the workspace.',
  IP_NOT_ALLOWED: 'This API key is not allowed from this address.',
}

/** The credential is missing or not accepted: HTTP 401. */
export const unauthenticated = (
  reason: CredentialReason,
  logged: LoggedRefusal = {},
  message: string = reasons[reason],
): RequestError => new RequestError('UNAUTHENTICATED', message, { reason }, { logged })

/** For a workspace where a credential is not, whether there is one of that name or not. */
export const noSuchWorkspace = (): RequestError =>
  new RequestError('WORKSPACE_NOT_FOUND', 'There is no such workspace.')

/** What is no request of ours at all: HTTP 400, if it asks for no other status. */
export const badRequest = (message: string, http: HttpFailure = { status: 400 }): RequestError =>
  new RequestError('BAD_REQUEST', message, {}, { http })

/** Too much was asked for: HTTP 429, and worth while to try again after so many seconds. */
export const rateLimited = (retryAfterSeconds: number): RequestError =>
  new RequestError('RATE_LIMITED', `Too many requests; try again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  })

/** The caller sees the target but may not do this; `missing` names what they lack. */
export const forbidden = (
  required: readonly string[],
  missing: readonly string[],
  message = `This needs ${missing.join(' and ')}.`,
): RequestError =>
  new RequestError('FORBIDDEN', message, {
    requiredPermissions: required,
    missingPermissions: missing,
  })

/** An argument of a query is not acceptable; `path` leads to it. */
export const badUserInput = (path: readonly string[], message: string): RequestError =>
  new RequestError('BAD_USER_INPUT', message, { path })

/** The same for everything that is wrong with the arguments of a query; `errors` names each. */
export const badArguments = ({ errors, message }: UserInputError): RequestError =>
  new RequestError('BAD_USER_INPUT', message, { path: errors[0]?.path ?? null, errors })

/** The answer cannot be known now: HTTP 503, and never a pass. */
export const serviceUnavailable = (cause: unknown): RequestError =>
  new RequestError('SERVICE_UNAVAILABLE', 'Temporarily unavailable; try again.', {}, { cause })

/** A setting with which the server cannot start; its message is one line for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
