import { badRequest } from '../../errors.ts'
import { acceptedMediaType } from '../content-negotiation.ts'
import type { HttpPlugin } from '../plugin.ts'

/**
 * Chooses the media type of the answer by the Accept header and its weights. A client that accepts
 * none gets 406 before anything runs: it could not read what was done.
 */
export const useContentNegotiation = (): HttpPlugin => ({
  onRequestParse({ request, serverContext: { state } }) {
    const type = acceptedMediaType(request.headers.get('accept'))
    if (type === undefined) throw badRequest('Answers are application/json.', { status: 406 })
    state.mediaType = type
  },
})
