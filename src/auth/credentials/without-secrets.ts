/** A whole JWT, or a run as long as a key's random part, give or take what was mistyped. No text of ours has one. */
const secretLike = /\beyJ[\w-]{20,}(\.[\w-]+)*|[0-9A-Za-z]{32,}/g
/**
 * A text inside an object or list, as GraphQL's errors quote an input whole where only a part of it is
 * wrong. A legacy secret has no shape that would tell it from others.
 */
const innerText = /([{,]\s*\w+: |\[\s*)(?:""".*?"""|"(?:[^"\\]|\\.)*")/gs
/** A list with texts in it. */
const list = /\[(?:[^"[\]]|""".*?"""|"(?:[^"\\]|\\.)*")*\]/gs
const anyText = /""".*?"""|"(?:[^"\\]|\\.)*"/gs
/** An input that graphql-js quotes whole, for it is of another type. */
const quotedInput =
  /(\b(?:got invalid value|has invalid value|found|value:) )(?:""".*?"""|"(?:[^"\\]|\\.)*")/gs
/** A value of an enum is quoted as it is. A short one in capitals is a name. */
const notInEnum = /(\bValue )"(?![A-Z][A-Z0-9_]{0,14}").*?"(?= does not exist in ")/gs
/** A text where a document must not have one, up to the end of it. */
const misplacedText = /(\bfound (?:Block)?String )".*"/s

/** A message without what may be a secret: some quote a value that came in a wrong field. */
export const withoutSecrets = (message: string): string =>
  message
    .replace(innerText, '$1"[…]"')
    .replace(list, (texts) => texts.replace(anyText, '"[…]"'))
    .replace(quotedInput, '$1"[…]"')
    .replace(notInEnum, '$1"[…]"')
    .replace(misplacedText, '$1"[…]"')
    .replace(secretLike, '[…]')
