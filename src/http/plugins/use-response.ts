import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Deps } from '../../deps.ts'
import { httpOfAnswer, logCause, maskError, outgoing } from '../errors.ts'
import { callerHeaders, challengeHeaders, commonHeaders } from '../headers.ts'
import { graphqlPath } from '../paths.ts'
import type { HttpPlugin } from '../plugin.ts'

/**
 * Makes the HTTP answer: status and headers by its errors, which are masked already, and logs the
 * causes of those that were not expected. Where a caller has left too much unread, or all callers
 * together have, a query is answered by the refusal instead; what a mutation has done is told.
 */
export const useResponse = ({
  logger,
  publicUrl,
}: Pick<Deps, 'logger' | 'publicUrl'>): HttpPlugin => ({
  onResultProcess({ serverContext: { state }, setResultProcessor }) {
    const { requestId, mediaType, peer } = state
    const bodyOf = ({ data, errors }: ExecutionResult): string => {
      const shown = errors?.map((error) => outgoing(error, requestId))
      // Errors first, so that they are seen before the data (GraphQL specification, 7.1).
      return JSON.stringify({ errors: shown, data })
    }
    setResultProcessor((result, { Response }) => {
      let answer = result as ExecutionResult
      let body = bodyOf(answer)
      const refusal = state.isRefusable ? peer.memory?.reserve(body.length) : undefined
      if (refusal !== undefined) {
        answer = { errors: [maskError(refusal)] }
        body = bodyOf(answer)
      }
      const { data, errors = [] } = answer
      for (const { originalError } of errors) logCause(originalError, logger, requestId)
      const isDenial = ({ extensions }: GraphQLError) => extensions.code === 'FORBIDDEN'
      state.refusal = errors.find(isDenial) ?? errors[0]
      const http = httpOfAnswer(errors, data, mediaType)
      const headers = {
        'content-type': `${mediaType}; charset=utf-8`,
        ...commonHeaders(requestId),
        ...callerHeaders(state.context),
        ...http.headers,
        ...challengeHeaders(http.headers ?? {}, publicUrl, graphqlPath),
      }
      return new Response(body, { status: http.status, headers })
    }, mediaType)
  },
})
