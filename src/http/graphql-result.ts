import { Response } from '@whatwg-node/server'
import type { ExecutionResult } from 'graphql'
import type { Logger } from 'pino'
import type { MediaType } from './accepted-media-type.ts'
import { causeOf, type ErrorReach, httpOfAnswer, maskError, outgoing } from './errors.ts'

/** What came of an operation; its errors are as they were thrown. */
interface Result {
  readonly data?: ExecutionResult['data']
  readonly errors?: readonly unknown[]
}

/** How much of an operation an error has left undone. */
const reachOf = (data: ExecutionResult['data']): ErrorReach => {
  if (data === undefined) return 'request'
  return Object.values(data ?? {}).every((value) => value === null) ? 'operation' : 'field'
}

/**
 * The answer that tells what came of an operation. Every error is masked, has the request's id, and
 * the log has what was masked.
 */
export function resultResponse(
  result: Result,
  answer: {
    readonly type: MediaType
    readonly requestId: string
    readonly logger: Pick<Logger, 'error'>
  },
): Response {
  const { type, requestId, logger } = answer
  const contentType = `${type}; charset=utf-8`
  if (result.errors === undefined)
    return new Response(JSON.stringify(result), { headers: { 'content-type': contentType } })
  const masked = result.errors.map(maskError)
  for (const error of masked) {
    const cause = causeOf(error)
    if (cause !== undefined) logger.error({ err: cause, requestId }, error.message)
  }
  const { status, headers } = httpOfAnswer(masked, reachOf(result.data), type)
  const errors = masked.map((error) => outgoing(error, requestId))
  return new Response(JSON.stringify({ ...result, errors }), {
    status,
    headers: { ...headers, 'content-type': contentType },
  })
}
