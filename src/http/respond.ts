import { Response } from '@whatwg-node/server'
import { RequestError, type RequestErrorCode } from '../errors.ts'
import type { MediaType } from './accepted.ts'
import { httpOf } from './errors.ts'

/** An answer in JSON that no cache may keep. */
export const jsonResponse = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    },
  })

const errorBody = (error: RequestError, requestId: string) => ({
  errors: [
    { message: error.message, extensions: { ...error.details, code: error.code, requestId } },
  ],
})

/** The status of what is a failure of one field in an operation, where there is no operation. */
const fieldStatuses: Partial<Record<RequestErrorCode, number>> = {
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
}

/** A failure of the whole request, shaped as GraphQL answers are (GraphQL over HTTP). */
export function errorResponse(error: RequestError, requestId: string, type: MediaType): Response {
  const { status, headers } = httpOf(error) ?? {
    status: fieldStatuses[error.code] ?? 500,
    headers: {},
  }
  return jsonResponse(status, errorBody(error, requestId), {
    ...headers,
    'content-type': `${type}; charset=utf-8`,
  })
}

/** The answer to who accepts no answer of ours: nothing is done whose outcome they could not read. */
export const notAcceptableResponse = (requestId: string): Response =>
  jsonResponse(
    406,
    errorBody(new RequestError('BAD_REQUEST', 'Answers are application/json.'), requestId),
    { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' },
  )
