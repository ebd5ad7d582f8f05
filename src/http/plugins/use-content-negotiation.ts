import { acceptedMediaType } from '../accepted.ts'
import { allowAnyOrigin } from '../cors.ts'
import { notAcceptableResponse } from '../respond.ts'
import type { HttpPlugin } from '../yoga.ts'

/**
 * Chooses the media type of the answer by the Accept header and its weights. A client that accepts
 * none gets 406 before anything runs: it could not read what was done.
 */
export const useContentNegotiation = (): HttpPlugin => ({
  onRequest({ request, serverContext: { state }, endResponse }) {
    const type = acceptedMediaType(request.headers.get('accept'))
    if (type === undefined) endResponse(allowAnyOrigin(notAcceptableResponse(state.requestId)))
    else state.mediaType = type
  },
})
