import { badRequest, RequestError } from '../errors.ts'
import type { RequestMemory } from '../limits/request-memory.ts'
import { hasLongName } from '../schema/variable-names.ts'
import type { Awaitable } from '../when-known.ts'
import { isMultipart, readMultipart } from './multipart.ts'
import { parseJson, readText } from './read-body.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** The parameters of an operation as they were sent: of any type, absent where null or empty. */
export interface UnvalidatedParams {
  readonly query?: unknown
  readonly operationName?: unknown
  readonly variables?: unknown
  readonly extensions?: unknown
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Null, absent and empty are the same, however they are sent; members of other names are ignored. */
function paramsOf(members: JsonObject): UnvalidatedParams {
  const given = (name: string): unknown =>
    (members[name] === '' ? undefined : members[name]) ?? undefined
  return {
    query: members.query ?? undefined,
    operationName: given('operationName'),
    variables: given('variables'),
    extensions: given('extensions'),
  }
}

/**
 * Reads what a request asks for, in the body of a POST or the address of a GET (GraphQL over HTTP).
 * A form of another page can be sent without asking first, JSON cannot: but for a form with files,
 * which asks for a credential in a header, nothing else is read.
 *
 * @param memory counts the body while it is read; absent where nothing is sent
 * @throws RequestError BAD_REQUEST, or as `RequestMemory.holdBody`
 */
export function readParams(
  request: Request,
  memory: RequestMemory | undefined,
): Awaitable<UnvalidatedParams> {
  if (request.method === 'GET') return addressed(new URL(request.url).searchParams)
  const isForm = isMultipart(request.headers.get('content-type'))
  return (isForm ? readMultipart : readJson)(request, memory).then((body) => {
    if (Array.isArray(body)) throw badRequest('Send one operation; there are no batches.')
    if (!isObject(body)) throw badRequest('The body must be an object of JSON.')
    return paramsOf(body)
  })
}

async function readJson(request: Request, memory: RequestMemory | undefined): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw badRequest('Send the operation as application/json.', { status: 415 })
  return parseJson(await readText(request, memory), 'The body is not JSON.')
}

const addressed = (parameters: URLSearchParams): UnvalidatedParams =>
  paramsOf({
    query: parameters.get('query') || undefined,
    operationName: parameters.get('operationName'),
    variables: jsonOf(parameters, 'variables'),
    extensions: jsonOf(parameters, 'extensions'),
  })

function jsonOf(parameters: URLSearchParams, name: string): unknown {
  const text = parameters.get(name)
  return text ? parseJson(text, `${name} must be JSON.`) : undefined
}

/**
 * Checks the types of the parameters. Yoga's own check, which comes after it, knows no operationName.
 *
 * @throws RequestError BAD_REQUEST for the first that is wrong; RequestError
 *   PERSISTED_QUERY_NOT_SUPPORTED for the hash of a document instead of it, by which Apollo's clients
 *   know to send the text
 */
export function assertParams(params: UnvalidatedParams): void {
  const { query, operationName = '', variables = {}, extensions = {} } = params
  if (!query && isObject(extensions) && isObject(extensions.persistedQuery))
    throw new RequestError('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')
  if (typeof query !== 'string') throw badRequest('query must be the text of a document.')
  if (typeof operationName !== 'string') throw badRequest('operationName must be text.')
  for (const [name, value] of Object.entries({ variables, extensions }))
    if (!isObject(value)) throw badRequest(`${name} must be an object.`)
  if (hasLongName(variables)) throw badRequest('No field in variables has so long a name.')
}
