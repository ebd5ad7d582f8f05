import { audienceOf } from '../../../modules/access-token/audience.ts'
import type { Form } from './form.ts'
import { OAuthError } from './oauth-error.ts'

/**
 * Whom a token is for, by the parameter `resource` (RFC 8707).
 *
 * @throws OAuthError invalid_request for `audience`, which other servers read in its place
 */
export function resourcesIn(form: Form, publicUrl: string): readonly string[] {
  const unread = 'audience is not read; name whom the token is for in resource (RFC 8707).'
  if (form.get('audience') !== undefined) throw new OAuthError('invalid_request', unread)
  return [...new Set(audienceOf(form.all('resource'), publicUrl))]
}
