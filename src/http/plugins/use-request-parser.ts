import type { GraphQLParams } from 'graphql-yoga'
import type { Awaitable } from '../../when-known.ts'
import { discardRest } from '../multipart.ts'
import type { HttpPlugin } from '../plugin.ts'
import { readParams } from '../request-params.ts'

/**
 * Reads the operation from JSON, from the address of a GET, or from a form with a file, whose content
 * is streamed while the operation runs and discarded when it has ended.
 */
export const useRequestParser = (): HttpPlugin => ({
  onRequestParse({ serverContext, setRequestParser }) {
    const { memory } = serverContext.state.peer
    // They are checked later, by Yoga too.
    setRequestParser((request) => readParams(request, memory) as Awaitable<GraphQLParams>)
  },
  onResultProcess({ request }) {
    discardRest(request)
  },
})
