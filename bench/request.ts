import { graphqlPath } from '../src/http/paths.ts'

/** An HTTP request to a server under load. */
export interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Stands in a body for what is another one in each request of a load. */
export const freshId = '[<id>]'

/** The headers that present a credential. */
export const authorization = (secret: string) => ({ authorization: `Bearer ${secret}` })

/** A request with a JSON body. */
export const jsonRequest = (path: string, body: object, headers: object = {}): Request => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

/** An operation without credentials. */
export const publicOperation = (query: string): Request => jsonRequest(graphqlPath, { query })

/** An operation with the credential. */
export const operation = (secret: string, query: string, variables?: object): Request =>
  jsonRequest(graphqlPath, { query, variables }, authorization(secret))
