/** Whether it is the address of this installation, or one below it, as URLs are compared. */
function isThisApi(uri: string, publicUrl: string): boolean {
  const url = URL.parse(uri)
  const isPlain = url !== null && url.username + url.password === '' && !uri.includes('#')
  return isPlain && /^https?:$/.test(url.protocol) && url.origin === new URL(publicUrl).origin
}

/**
 * The audience that URIs name. This API goes by its public address, once, however it is written and
 * whatever is below it.
 */
export function audienceOf(uris: readonly string[], publicUrl: string): string[] {
  const named = uris.map((uri) => (isThisApi(uri, publicUrl) ? publicUrl : uri))
  return named.filter((uri, index) => uri !== publicUrl || named.indexOf(uri) === index)
}
