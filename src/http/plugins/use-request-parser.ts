import type { GraphQLParams } from 'graphql-yoga'
import { unauthenticated } from '../../errors.ts'
import { discardRest, isMultipart } from '../multipart.ts'
import { readParams } from '../request-params.ts'
import { operationContext } from '../server-context.ts'
import type { HttpPlugin } from '../yoga.ts'

/** What Yoga takes for one: its checks come later. */
type RequestParser = (request: Request) => Promise<GraphQLParams>

/**
 * Reads the operation from JSON, from the address of a GET, or from a form with a file, whose content
 * is streamed while the operation runs and discarded when it has ended.
 */
export const useRequestParser = (): HttpPlugin => ({
  onRequestParse({ request, serverContext, setRequestParser }) {
    // Any page can send a form, but not with a credential in a header.
    if (
      operationContext(serverContext).isAnonymous &&
      isMultipart(request.headers.get('content-type'))
    )
      throw unauthenticated('MISSING')
    const { memory } = serverContext.state.peer
    const parse = (sent: Request) => readParams(sent, memory)
    setRequestParser(parse as RequestParser)
  },
  onResultProcess({ request }) {
    discardRest(request)
  },
})
