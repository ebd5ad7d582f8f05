import type { TypedDocumentString } from './generated/operations.ts'

/** Where the server is, and what the user entered: a key, an access token or a sign-in token. */
export interface Connection {
  readonly url: string
  readonly credential: string
  /** Id or slug; only a person who is in several workspaces must name one. */
  readonly workspace?: string
}

/** Why a request, or one field of it, was refused. */
export interface RequestError {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions: {
    /** UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED …: docs/api.md lists them. */
    readonly code: string
    /** The server's log has the request under it. */
    readonly requestId?: string
  }
}

/** Both can be there: a field that is refused is null, and the others are answered. */
export interface Answer<Data> {
  readonly data: Data | null
  readonly errors: readonly RequestError[]
}

/**
 * Sends an operation. What the generator knows of it types the variables and the data.
 *
 * @throws TypeError when there is no answer, SyntaxError when it is not the API that answers
 */
export async function ask<Data, Variables>(
  { url, credential, workspace }: Connection,
  operation: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${credential}`,
      ...(workspace && { 'x-workspace-id': workspace }),
    },
    body: JSON.stringify({ query: operation.toString(), variables }),
  })
  const { data = null, errors = [] } = (await response.json()) as Partial<Answer<Data>>
  return { data, errors }
}
