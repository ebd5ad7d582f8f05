import type { ValidationErrors } from '../../input/problems.ts'

export const maxAudience = 5
const maxLength = 255
/** An absolute URI without a fragment (RFC 8707, 2), in visible ASCII. */
const shape = /^[a-z][a-z0-9+.-]*:[!$-~]+$/i

/** Whom a token is for: absolute URIs, the installation itself by default. */
export function audienceInput(
  problems: ValidationErrors,
  audience: readonly string[] | null | undefined,
  byDefault: string,
): readonly string[] {
  if (audience === null || audience === undefined) return [byDefault]
  if (audience.length === 0 || audience.length > maxAudience) {
    problems.add('INVALID', ['audience'], `1 to ${maxAudience} URIs are possible.`)
    return []
  }
  audience.forEach((uri, index) => {
    if (uri.length > maxLength || !shape.test(uri) || !URL.canParse(uri))
      problems.add('INVALID', ['audience', index], 'This is no absolute URI without a fragment.')
    else if (audience.indexOf(uri) !== index)
      problems.add('INVALID', ['audience', index], 'This URI is repeated.')
  })
  return audience
}
