/** As long as a key's random part, give or take what was mistyped, or a JWT. No text of ours has such a run. */
const secretLike = /[0-9A-Za-z]{32,}|\beyJ[\w-]{20,}(\.[\w-]+)*/g

/** A message without what may be a secret: some quote a value that came in a wrong field. */
export const withoutSecrets = (message: string): string => message.replace(secretLike, '[…]')
