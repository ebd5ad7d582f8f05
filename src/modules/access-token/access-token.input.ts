import { z } from 'zod'
import { noting } from '../../input/read-input.ts'
import { shown } from '../../input/shown.ts'

export const maxAudience = 5
const maxUriLength = 255
/** An absolute URI without a fragment (RFC 8707, 2), in visible ASCII. */
const shape = /^[a-z][a-z0-9+.-]*:[!$-~]+$/i

const isUri = (text: string): boolean =>
  text.length <= maxUriLength && shape.test(text) && URL.canParse(text)

const audience = z.array(z.string()).check(
  noting((uris, note) => {
    if (uris.length === 0 || uris.length > maxAudience)
      return note(`1 to ${maxAudience} URIs are possible.`)
    for (const [index, uri] of uris.entries())
      if (!isUri(uri)) note(`${shown(uri)} is no absolute URI without a fragment.`, index)
      else if (uris.indexOf(uri) !== index) note('This URI is repeated.', index)
  }),
)

/** Whom a token is for; what it may do is read by `snapshotInput`. */
export const createAccessTokenInput = z.object({ audience: audience.readonly().nullish() })
