import { NoGraphQLRequest } from './errors.ts'
import { isMultipart, readMultipart } from './multipart.ts'

/** What a request tells of its operation. Nothing of it has been checked. */
export type SentParams = Readonly<Record<string, unknown>>

/** An operation as it is asked for. */
export interface GraphQLParams {
  readonly query: string
  readonly operationName?: string | null | undefined
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined
}

const names = ['query', 'operationName', 'variables', 'extensions']

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads what a request asks for, in the body of a POST or the address of a GET (GraphQL over HTTP).
 * A form of another page can be sent without asking first, JSON cannot: but for a form with files,
 * which asks for a credential in a header, nothing else is read.
 *
 * @throws NoGraphQLRequest
 */
export async function readParams(request: Request): Promise<SentParams> {
  if (request.method === 'GET') return addressed(new URL(request.url).searchParams)
  if (request.method !== 'POST')
    throw new NoGraphQLRequest('Send the operation by GET or POST.', 405, { allow: 'GET, POST' })
  const body: unknown = isMultipart(request.headers.get('content-type'))
    ? await readMultipart(request)
    : await readJson(request)
  if (Array.isArray(body)) throw new NoGraphQLRequest('Send one operation; there are no batches.')
  if (!isObject(body)) throw new NoGraphQLRequest('The body must be an object of JSON.')
  return body
}

async function readJson(request: Request): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new NoGraphQLRequest('Send the operation as application/json.', 415)
  return await request.json().catch(() => {
    throw new NoGraphQLRequest('The body is not JSON.')
  })
}

const addressed = (parameters: URLSearchParams): SentParams => ({
  query: parameters.get('query') || undefined,
  operationName: parameters.get('operationName') || undefined,
  variables: jsonOf(parameters, 'variables'),
  extensions: jsonOf(parameters, 'extensions'),
})

function jsonOf(parameters: URLSearchParams, name: string): unknown {
  const text = parameters.get(name)
  if (!text) return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new NoGraphQLRequest(`${name} must be JSON.`)
  }
}

/**
 * Whether the parameters are those of an operation, and no others: a mistyped one would be missed
 * without a word.
 *
 * @throws NoGraphQLRequest for the first that is wrong
 */
export function assertParams(params: SentParams): asserts params is SentParams & GraphQLParams {
  for (const [name, value] of Object.entries(params))
    if (value !== null && value !== undefined && !names.includes(name))
      throw new NoGraphQLRequest(`There is no parameter "${name}".`)
  if (typeof params.query !== 'string')
    throw new NoGraphQLRequest('query must be the text of a document.')
  if (typeof (params.operationName ?? '') !== 'string')
    throw new NoGraphQLRequest('operationName must be text.')
  for (const name of ['variables', 'extensions'])
    if (!isObject(params[name] ?? {})) throw new NoGraphQLRequest(`${name} must be an object.`)
}
