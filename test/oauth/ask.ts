import type { App } from '../../src/app.ts'

/** An answer of an OAuth endpoint. */
export interface OAuthAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, if it is JSON. */
  readonly body: any
}

type FormParameters =
  | string
  | Readonly<Record<string, string>>
  | readonly (readonly [string, string])[]

/** A key, as an OAuth client. */
export interface Client {
  readonly id: string
  readonly secret: string
}

interface Options {
  /** Client id and secret, by Basic authentication. */
  readonly client?: Client
  readonly bearer?: string
  readonly address?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

const basic = ({ id, secret }: Client): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

const encoded = (parameters: FormParameters): string =>
  typeof parameters === 'string'
    ? parameters
    : new URLSearchParams(parameters as Record<string, string>).toString()

/** Sends a form to a path, as a client would; nothing of the answer is checked. */
export async function send(
  { app }: { readonly app: Pick<App, 'fetch'> },
  path: string,
  parameters: FormParameters = {},
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

type Door = Parameters<typeof send>[0]

/** Exchanges a key for a token, as must succeed. */
export async function exchange(
  door: Door,
  client: Client,
  parameters: Readonly<Record<string, string>> = {},
  options: Options = {},
): Promise<string> {
  const form = { grant_type: 'client_credentials', ...parameters }
  const answer = await send(door, '/oauth/token', form, { client, ...options })
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.text}`)
  return answer.body.access_token
}
