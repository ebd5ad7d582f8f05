import type { App } from '../../src/app.ts'

/** An answer of an OAuth endpoint. */
export interface OAuthAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, if it is JSON. */
  readonly body: any
}

type Parameters = string | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

interface Options {
  /** Client id and secret, by Basic authentication. */
  readonly client?: { readonly id: string; readonly secret: string }
  readonly bearer?: string
  readonly address?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

const basic = ({ id, secret }: { id: string; secret: string }): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

const encoded = (parameters: Parameters): string =>
  typeof parameters === 'string'
    ? parameters
    : new URLSearchParams(parameters as Record<string, string>).toString()

/** Sends a form to a path, as a client would; nothing of the answer is checked. */
export async function send(
  { app }: { readonly app: Pick<App, 'fetch'> },
  path: string,
  parameters: Parameters = {},
  { client, bearer, address, method = 'POST', headers }: Options = {},
): Promise<OAuthAnswer> {
  const response = await app.fetch(
    new Request(`http://latchkey.test${path}`, {
      method,
      headers: {
        ...(client && { authorization: basic(client) }),
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(method === 'POST' && { body: encoded(parameters) }),
    }),
    address === undefined ? {} : { address },
  )
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  }
}

/** How an answer failed, in words: `400 invalid_request`. */
export const failure = ({ status, body }: OAuthAnswer): string => `${status} ${body?.error}`
