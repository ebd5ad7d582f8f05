import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

/** Whether it is the address of this installation, or one below it, as URLs are compared. */
function isThisApi(resource: string, publicUrl: string): boolean {
  const url = URL.parse(resource)
  const isPlain = url !== null && url.username + url.password === '' && !resource.includes('#')
  return isPlain && /^https?:$/.test(url.protocol) && url.origin === new URL(publicUrl).origin
}

/**
 * Whom a token is for, by the parameter `resource` (RFC 8707). This API goes by its public address,
 * however it is written and whatever is below it.
 *
 * @throws OAuthError invalid_request for `audience`, which other servers read in its place
 */
export function resourcesIn(form: Form, publicUrl: string): readonly string[] {
  if (form.get('audience') !== undefined)
    throw new OAuthError(
      'invalid_request',
      'audience is not read; name whom the token is for in resource (RFC 8707).',
    )
  const resources = form.all('resource')
  return [...new Set(resources.map((uri) => (isThisApi(uri, publicUrl) ? publicUrl : uri)))]
}
