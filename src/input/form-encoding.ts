/**
 * Decodes one name or value of application/x-www-form-urlencoded.
 *
 * @throws URIError for a `%` that begins no byte, and for bytes that are not UTF-8
 */
export const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

/** @throws TypeError for bytes that are not UTF-8 */
export const utf8 = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)

/**
 * The parameters of a form, in their order; of more than `most` one too many.
 *
 * @throws TypeError, URIError for what is not well encoded
 */
export const formParameters = (body: Uint8Array, most: number): [name: string, value: string][] =>
  utf8(body)
    .split('&', most + 1)
    .map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [formDecode(name), formDecode(value.join('='))]
    })
