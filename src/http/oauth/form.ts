import { isStorable } from '../../input/text.ts'
import { OAuthError } from './oauth-error.ts'

/** The parameters of a request, those without a value left out. */
export interface Form {
  /** The value of a parameter; undefined when it is absent or empty (RFC 6749, 3.2). */
  get(name: string): string | undefined
  /** The values of a parameter that may be repeated. */
  all(name: string): readonly string[]
}

/** In bytes. Far above what any of the endpoints can use. */
const maxLength = 65_536

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
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length <= maxLength) chunks.push(chunk)
  }
  if (length > maxLength) throw malformed(`A request has at most ${maxLength} bytes.`)
  return Buffer.concat(chunks)
}

/**
 * Decodes one name or value of application/x-www-form-urlencoded.
 *
 * @throws URIError for a `%` that begins no byte, and for bytes that are not UTF-8
 */
export const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

function parametersOf(body: Uint8Array): [name: string, value: string][] {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    return text
      .split('&')
      .map((pair) => {
        const [name = '', ...value] = pair.split('=')
        return [formDecode(name), formDecode(value.join('='))] as [string, string]
      })
      .filter(([, value]) => value !== '')
  } catch {
    throw malformed('The form is not well encoded.')
  }
}

/**
 * Reads the form that a POST request brings. Strictly: what two readers could understand in two
 * ways is refused.
 *
 * @throws OAuthError invalid_request for another media type, a body that is too long, bad encoding,
 *   characters that no value has, and a repeated parameter
 */
export async function readForm(request: Request): Promise<Form> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type))
    throw malformed('Send the parameters as application/x-www-form-urlencoded.')
  const values = new Map<string, string[]>()
  for (const [name, value] of parametersOf(await bodyOf(request))) {
    if (!isStorable(name + value)) throw malformed('A parameter must not contain NUL.')
    const earlier = values.get(name)
    if (earlier !== undefined && name !== repeatable)
      throw malformed('A parameter must not be repeated.')
    values.set(name, [...(earlier ?? []), value])
  }
  return { get: (name) => values.get(name)?.[0], all: (name) => values.get(name) ?? [] }
}
