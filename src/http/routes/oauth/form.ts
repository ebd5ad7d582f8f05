import { formParameters } from '../../../input/form-encoding.ts'
import { isStorable } from '../../../input/text.ts'
import { OAuthError } from './oauth-error.ts'

/** The parameters of a request, those without a value left out. */
export interface Form {
  /** The value of a parameter; undefined when it is absent or empty (RFC 6749, 3.2). */
  get(name: string): string | undefined
  /** The values of a parameter that may be repeated. */
  all(name: string): readonly string[]
}

const mediaType = 'application/x-www-form-urlencoded'

/** In bytes. Far above what any of the endpoints can use. */
const maxLength = 65_536
/** Likewise; those without a value are counted, too. */
const maxParameters = 100

/** May be given several times (RFC 8707, 2); no other may (RFC 6749, 3.2). */
const repeatable = 'resource'

const malformed = (description: string): OAuthError =>
  new OAuthError('invalid_request', description)

/**
 * Keeps no more than is allowed. What comes beyond it is read all the same, to the limit that the
 * server has for every body: giving up a stream closes the connection, and the answer is lost.
 */
async function bodyOf(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.length
      if (length <= maxLength) chunks.push(chunk)
    }
  } catch {
    throw malformed('The request broke off.')
  }
  if (length > maxLength) throw malformed(`A request has at most ${maxLength} bytes.`)
  return Buffer.concat(chunks)
}

function parametersOf(body: Uint8Array): [name: string, value: string][] {
  try {
    return formParameters(body, maxParameters)
  } catch {
    throw malformed('The form is not well encoded.')
  }
}

/** Whether it is the media type of a form, in UTF-8 if it names a charset. */
function isForm(contentType: string): boolean {
  const [type, ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  const charsets = parameters.filter((parameter) => parameter.startsWith('charset='))
  return type === mediaType && charsets.every((one) => /^charset=("utf-8"|utf-8)$/.test(one))
}

/**
 * Reads the form that a POST request brings. Strictly: a parameter that has more than one value is
 * refused, and what is not well encoded is not repaired.
 *
 * @throws OAuthError invalid_request for another media type or charset, a body that breaks off, too
 *   many bytes or parameters, bad encoding, characters that no value has, and a second value
 */
export async function readForm(request: Request): Promise<Form> {
  if (!isForm(request.headers.get('content-type') ?? ''))
    throw malformed(`Send the parameters as ${mediaType}, in UTF-8.`)
  const parameters = parametersOf(await bodyOf(request))
  if (parameters.length > maxParameters)
    throw malformed(`A request has at most ${maxParameters} parameters.`)
  const values = new Map<string, string[]>()
  for (const [name, value] of parameters) {
    if (value === '') continue
    if (!isStorable(name + value)) throw malformed('A parameter must not contain NUL.')
    const earlier = values.get(name)
    if (earlier === undefined) values.set(name, [value])
    else if (name === repeatable) earlier.push(value)
    else throw malformed('A parameter must not be repeated.')
  }
  return { get: (name) => values.get(name)?.[0], all: (name) => values.get(name) ?? [] }
}
