import { preflightResponse } from '../cors.ts'
import type { HttpPlugin } from '../yoga.ts'

/** Answers a browser that asks before it sends from a page of another origin. */
export const usePreflight = (): HttpPlugin => ({
  onRequest({ request, endResponse }) {
    if (request.method === 'OPTIONS') endResponse(preflightResponse(['GET', 'POST']))
  },
})
