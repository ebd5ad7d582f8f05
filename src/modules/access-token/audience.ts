/** Whether it is the address of this installation, or one below it, as URLs are compared. */
function isThisApi(uri: string, publicUrl: string): boolean {
  const url = URL.parse(uri)
  const isPlain = url !== null && url.username + url.password === '' && !uri.includes('#')
  return isPlain && /^https?:$/.test(url.protocol) && url.origin === new URL(publicUrl).origin
}

/**
 * The audience that a URI names. This API goes by its public address, however it is written and
 * whatever is below it.
 */
export const audienceOf = (uri: string, publicUrl: string): string =>
  isThisApi(uri, publicUrl) ? publicUrl : uri
