import { randomUUID } from 'node:crypto'
import type { HttpPlugin } from '../yoga.ts'

/** Names the request, for its answer, errors, audit events and log lines. */
export const useRequestId = (): HttpPlugin => ({
  onRequest({ serverContext: { state } }) {
    state.requestId = randomUUID()
  },
})
