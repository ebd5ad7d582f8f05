import { once } from 'node:events'
import { Busboy, type BusboyFileStream, type BusboyInstance, type Dicer } from '@fastify/busboy'
import { badRequest, type RequestError } from '../errors.ts'
import { UploadedFile } from '../input/uploaded-file.ts'
import { bodyTimeoutMs, maxBodyBytes } from '../limits/request-limits.ts'
import type { RequestMemory } from '../limits/request-memory.ts'
import { parseJson } from './read-body.ts'

const fieldNames: readonly string[] = ['operations', 'map']

/** Whether a body of that Content-Type is a form that may have files. */
export const isMultipart = (contentType: string | null | undefined): boolean =>
  /^multipart\/form-data\s*(;|$)/i.test(contentType ?? '')

/** Some send also the operation as a file, to give it a media type. */
const isPartAFile = (name = '', type?: string, filename?: string): boolean =>
  !fieldNames.includes(name) && (filename !== undefined || type === 'application/octet-stream')

type PartHeaders = Readonly<Record<string, readonly string[] | undefined>>

/**
 * Calls `use` with the headers of each part, before the event of the part itself. The parser's own event
 * leaves out the charset and the second of two names, and the headers are known to a part of it that is
 * not public.
 */
function watchHeaders(parser: BusboyInstance, use: (headers: PartHeaders) => void): void {
  const { parser: parts }: { parser: Dicer } = Reflect.get(parser, '_parser')
  parts.prependListener('part', (part) => {
    part.on('header', (headers) => use(headers as PartHeaders))
  })
}

/** Parts without any content cost as well: there are no more than the specification has. */
const limits = { fieldSize: maxBodyBytes, parts: 3, files: 1, headerPairs: 20, headerSize: 8_192 }
const options = { preservePath: true, isPartAFile, limits }

const brokenOff = () => badRequest('The form broke off, or is none.')
const isNoOperation = () =>
  badRequest('The form must be operations, map and one file, each once, and no more.')

/** What is under way, to be given up once the operation is over. */
const underWay = new WeakMap<Request, AbortController>()

/** What is left of a request's file is thrown away as it arrives: nobody asks for it any more. */
export const discardRest = (request: Request): void => underWay.get(request)?.abort()

/** The content of a form's file. It ends once the form has ended as it should: till then it is none. */
async function* contentOf(
  file: BusboyFileStream,
  formEnd: Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* file
  await formEnd
}

/**
 * Reads an operation with one file, by the GraphQL multipart request specification: `operations`,
 * `map`, then the file, which has not arrived yet. It is read as its content is, and fails with a
 * RequestError BAD_REQUEST where the form behind it is not as it should be. What is no such form is taken
 * apart no further.
 *
 * @returns the operation, with the file in its place; nothing else of it has been checked
 * @param memory counts what comes before the file while it is read; absent where nothing is sent
 * @throws RequestError BAD_REQUEST, or as `RequestMemory.holdBody`
 */
export async function readMultipart(
  request: Request,
  memory: RequestMemory | undefined,
): Promise<unknown> {
  const rest = new AbortController()
  underWay.set(request, rest)
  const end = Promise.withResolvers<void>()
  // Nobody may want the content to its end.
  end.promise.catch(() => undefined)
  const parser = parserOf(request.headers.get('content-type') ?? '')
  const params = Promise.withResolvers<unknown>()
  const fields = new Map<string, string>()
  let file: BusboyFileStream | undefined
  let headers: PartHeaders = {}
  watchHeaders(parser, (its) => {
    headers = its
  })
  const refuse = (error: RequestError): void => {
    params.reject(error)
    end.reject(error)
    file?.destroy(error)
    rest.abort()
  }
  parser.on('partsLimit', () => refuse(isNoOperation()))
  parser.on('field', (name, value, _isNameCut, isCut) => {
    if (!fieldNames.includes(name) || fields.has(name)) refuse(isNoOperation())
    else if (isCut) refuse(badRequest(`${name} is too long.`))
    else fields.set(name, value)
  })
  parser.on('file', (name, content, filename) => {
    file = content
    // It may fail before anybody reads it, and nobody may want to.
    content.on('error', () => refuse(brokenOff()))
    content.on('close', () => content.readableEnded || rest.abort())
    try {
      const [contentType] = headers['content-type'] ?? []
      const [disposition] = headers['content-disposition'] ?? []
      const its = { filename, contentType, disposition }
      const sent = new UploadedFile(its, contentOf(content, end.promise))
      params.resolve(withFile(fields, name, sent))
    } catch (error) {
      params.reject(error)
    }
  })
  parser.on('error', () => refuse(brokenOff()))
  parser.on('finish', () => {
    end.resolve()
    params.reject(badRequest('The form has no file behind operations and map.'))
  })
  rest.signal.addEventListener('abort', () => file?.destroy())
  let length = 0
  const isWritten = (chunk: Uint8Array): boolean => {
    length += chunk.length
    const refusal = file === undefined ? memory?.holdBody(length) : undefined
    if (refusal !== undefined) refuse(refusal)
    return rest.signal.aborted || parser.write(chunk)
  }
  // As fast as the parser takes it, and to the end also where it is not wanted, or given up.
  const pump = async (): Promise<void> => {
    for await (const chunk of request.body ?? [])
      if (!isWritten(chunk))
        await once(parser, 'drain', { signal: rest.signal }).catch(() => undefined)
    parser.end()
  }
  pump().catch(() => refuse(brokenOff()))
  const isLate = () => refuse(badRequest('operations and map took too long.', { status: 408 }))
  const timer = setTimeout(isLate, bodyTimeoutMs)
  return await params.promise.finally(() => clearTimeout(timer))
}

function parserOf(type: string): BusboyInstance {
  try {
    return new Busboy({ ...options, headers: { 'content-type': type } })
  } catch {
    throw brokenOff()
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function jsonField(fields: ReadonlyMap<string, string>, name: string): Record<string, unknown> {
  const message = `The form must have ${name}, an object of JSON, before the file.`
  const value = parseJson(fields.get(name) ?? '', message)
  if (isObject(value)) return value
  throw badRequest(message)
}

/** The operation with the file where the map says: one place, which holds null. */
function withFile(fields: ReadonlyMap<string, string>, name: string, file: UploadedFile): unknown {
  const operation = jsonField(fields, 'operations')
  const [[key, paths] = [], another] = Object.entries(jsonField(fields, 'map'))
  const path: unknown = Array.isArray(paths) && paths.length === 1 ? paths[0] : undefined
  if (key !== name || typeof path !== 'string' || another !== undefined)
    throw badRequest('map must name the one file of the form, and one place for it.')
  if (!path.startsWith('variables.'))
    throw badRequest('map must lead to a place among the variables.')
  const steps = path.split('.')
  const last = steps.pop() ?? ''
  const place = steps.reduce<unknown>(
    (value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined),
    operation,
  )
  if (!isObject(place) || !Object.hasOwn(place, last) || place[last] !== null)
    throw badRequest('map must lead to a null in operations.')
  place[last] = file
  return operation
}
