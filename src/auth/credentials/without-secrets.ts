/** A whole JWT, or a run as long as a key's random part, give or take what was mistyped. No text of ours has one. */
const secretLike = /\beyJ[\w-]{20,}(\.[\w-]+)*|[0-9A-Za-z]{32,}/g
/**
 * A text inside an object or list, as GraphQL's errors quote an input whole where only a part of it is
 * wrong. A legacy secret has no shape that would tell it from others.
 */
const innerText = /([{,]\s*\w+: |\[\s*)(?:""".*?"""|"(?:[^"\\]|\\.)*")/gs
/** A text where a document must not have one, up to the end of it. */
const misplacedText = /(\bfound (?:Block)?String )".*"/s

/** A message without what may be a secret: some quote a value that came in a wrong field. */
export const withoutSecrets = (message: string): string =>
  message.replace(innerText, '$1"[…]"').replace(misplacedText, '$1"[…]"').replace(secretLike, '[…]')
