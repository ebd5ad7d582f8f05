import type { RequestError } from '../errors.ts'
import { httpOf } from './errors.ts'

const graphqlJson = 'application/graphql-response+json'

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

/** A failure of the whole request, shaped as GraphQL answers are (GraphQL over HTTP). */
export function errorResponse(request: Request, error: RequestError, requestId: string): Response {
  const { status, headers } = httpOf(error) ?? { status: 500, headers: {} }
  const accepts = request.headers.get('accept')?.includes(graphqlJson)
  return jsonResponse(
    status,
    {
      errors: [
        { message: error.message, extensions: { ...error.details, code: error.code, requestId } },
      ],
    },
    { ...headers, ...(accepts && { 'content-type': `${graphqlJson}; charset=utf-8` }) },
  )
}
