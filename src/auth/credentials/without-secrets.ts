/** A whole JWT, or a run as long as a key's random part, give or take what was mistyped. No text of ours has one. */
const secretLike = /\beyJ[\w-]{20,}(\.[\w-]+)*|[0-9A-Za-z]{32,}/g

/** A message without what may be a secret: some quote a value that came in a wrong field. */
export const withoutSecrets = (message: string): string => message.replace(secretLike, '[…]')
