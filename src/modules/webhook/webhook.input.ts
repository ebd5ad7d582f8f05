import { z } from 'zod'
import { noting } from '../../input/read-input.ts'
import { namesPrivateAddress } from './post.ts'

/** In characters. */
const maxUrlLength = 2_048

/** The address of an endpoint, as it is asked; a query may be part of it. */
const endpointUrl = (allowPrivate: boolean) => {
  const scheme = allowPrivate ? 'https:// or http://' : 'https://'
  const form = `A URL begins with ${scheme}, has neither credentials nor a fragment, and at most ${maxUrlLength} characters.`
  const isSecure = (url: URL): boolean =>
    url.protocol === 'https:' || (allowPrivate && url.protocol === 'http:')
  return z
    .string(form)
    .overwrite((text) => text.trim())
    .check(
      noting((text, note) => {
        const url = text.length <= maxUrlLength && URL.canParse(text) ? new URL(text) : undefined
        const isPlain = url?.username === '' && url.password === '' && !text.includes('#')
        if (url === undefined || !isPlain || !isSecure(url)) note(form)
        else if (!allowPrivate && namesPrivateAddress(url))
          note('This address is not public, and webhooks go to public ones only.')
      }),
    )
    .overwrite((text) => (URL.canParse(text) ? new URL(text).href : text))
}

/** The inputs of mutations on endpoints, which depend on where webhooks may go. */
export const endpointInputs = (allowPrivate: boolean) => {
  const url = endpointUrl(allowPrivate)
  const enabled = z.boolean('enabled cannot be null.')
  return {
    create: z.object({ url }),
    update: z.object({ url, enabled }).exactPartial().extend({ id: z.string() }),
  }
}
