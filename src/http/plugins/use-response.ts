import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Deps } from '../../deps.ts'
import { corsHeaders } from '../cors.ts'
import { deprecationHeaders } from '../deprecation-headers.ts'
import { causeOf, httpOfAnswer, outgoing } from '../errors.ts'
import { rateLimitHeaders } from '../rate-limit-headers.ts'
import type { RequestState } from '../server-context.ts'
import type { HttpPlugin } from '../yoga.ts'

function headersOf({ context, requestId, mediaType }: RequestState): Record<string, string> {
  return {
    'content-type': `${mediaType}; charset=utf-8`,
    'x-request-id': requestId,
    // X-API-Key, unlike Authorization, would not keep a shared cache from storing it.
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...corsHeaders,
    ...(context?.charged && rateLimitHeaders(context.charged)),
    ...(context && !context.isAnonymous && deprecationHeaders(context.principal)),
  }
}

/**
 * Makes the HTTP answer: status and headers by its errors, which are masked already, and logs the
 * causes of those that were not expected.
 */
export const useResponse = ({ logger }: Pick<Deps, 'logger'>): HttpPlugin => ({
  onResultProcess({ serverContext: { state }, setResultProcessor }) {
    const { requestId, mediaType } = state
    setResultProcessor((result, { Response }) => {
      const { data, errors } = result as ExecutionResult
      const headers = headersOf(state)
      if (errors === undefined) return new Response(JSON.stringify({ data }), { headers })
      for (const error of errors) {
        const cause = causeOf(error)
        if (cause !== undefined) logger.error({ err: cause, requestId }, error.message)
      }
      const http = httpOfAnswer(errors, data, mediaType)
      const shown = errors.map((error: GraphQLError) => outgoing(error, requestId))
      const body = JSON.stringify(data === undefined ? { errors: shown } : { data, errors: shown })
      return new Response(body, { status: http.status, headers: { ...headers, ...http.headers } })
    }, mediaType)
  },
})
