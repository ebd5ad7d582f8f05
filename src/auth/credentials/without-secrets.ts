/** A whole JWT, or a name that begins like one and is shorter than a header. */
const jwt = /\beyJ[\w-]+(?:\.[\w-]+)*/g
const jwtHeader = /^[\w-]{23}/
/** A run as long as a key's random part, give or take what was mistyped. No text of ours has one. */
const randomRun = /[0-9A-Za-z]{32,}/g

/** What graphql-js says just before it quotes a value. */
const beforeValue = ['got invalid value ', 'has invalid value ', 'found ', 'value: ', 'Value ']

/** A value without quotes. */
const bareValue = /((?:got invalid value|has invalid value|found|value:) )(\S+)/g
const bareRun = /[^\s,[\]{}]+/g
/** A legacy secret has 16 characters at least, none of them blank. */
const leastSecret = 16
/** The name of a member, or a number. */
const harmlessRun = /^(?:\w+:|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?[.;]?)$/

/** A name in capitals: one that an enum has, or a mistyped one. */
const enumName = /^"[A-Z][A-Z0-9_]{0,14}"$/

/** Of a longer message the rest is not looked at, for it is an input; in UTF-16 code units, as below. */
const maxRead = 20_000
/** What is left of it is cut in its middle, where the value stands. */
const maxLength = 4_000
const endLength = 1_000

const hidden = '[…]'

const withoutRun = (run: string): string =>
  run.length < leastSecret || harmlessRun.test(run) ? run : hidden

const withoutBareValues = (text: string, isInside: boolean): string =>
  isInside
    ? text.replace(bareRun, withoutRun)
    : text.replace(bareValue, (_, before: string, run: string) => before + withoutRun(run))

/** The end of the quoted text that begins at `start`, behind its last quote; without one, of all. */
function endOfText(message: string, start: number): number {
  const isBlock = message.startsWith('"""', start)
  const [quotes, escaped] = isBlock ? ['"""', '\\"""'] : ['"', '\\']
  for (let at = start + quotes.length; at < message.length; at += 1)
    if (message.startsWith(escaped, at)) at += isBlock ? 3 : 1
    else if (message.startsWith(quotes, at)) return at + quotes.length
  return message.length
}

/** Where the quoted text ends that begins at `start`, and whether it is a value. */
function textAt(message: string, start: number): { readonly end: number; isValue: boolean } {
  const follows = (words: string): boolean => message.startsWith(words, start - words.length)
  // These two are quoted as they are, whatever quotes they have inside.
  if (follows('String ')) return { end: message.lastIndexOf('"') + 1, isValue: true }
  const enumValueEnd = follows('Value ') ? message.lastIndexOf('" does not exist in "') + 1 : 0
  if (enumValueEnd > start)
    return { end: enumValueEnd, isValue: !enumName.test(message.slice(start, enumValueEnd)) }
  return { end: endOfText(message, start), isValue: beforeValue.some(follows) }
}

/**
 * The message without the texts that it quotes as values: any inside a list or an object, and any
 * where graphql-js repeats an input of the wrong type. Names and numbers stay.
 */
function withoutTexts(message: string): string {
  let shown = ''
  let depth = 0
  let from = 0
  for (let at = 0; at < message.length; at += 1) {
    const character = message[at]
    const wasInside = depth > 0
    if (character === '[' || character === '{') depth += 1
    else if (wasInside && (character === ']' || character === '}')) depth -= 1
    const isQuote = character === '"'
    if (!isQuote && wasInside === depth > 0) continue
    shown += withoutBareValues(message.slice(from, at), wasInside)
    from = at
    if (!isQuote) continue
    const { end, isValue } = textAt(message, at)
    shown += wasInside || isValue ? `"${hidden}"` : message.slice(at, end)
    from = end
    at = end - 1
  }
  return shown + withoutBareValues(message.slice(from), depth > 0)
}

/** The message, or its beginning up to a blank: no secret is cut in two, and known no more. */
const readable = (message: string): string =>
  message.length <= maxRead
    ? message
    : `${message.slice(0, message.lastIndexOf(' ', maxRead) + 1)}…`

/**
 * A message without what may be a secret: some quote a value that came in a wrong field. The time
 * that it takes has a limit, whatever the message holds, and so has its length.
 */
export function withoutSecrets(message: string): string {
  const shown = withoutTexts(readable(message))
    .replace(jwt, (text) => (jwtHeader.test(text) ? hidden : text))
    .replace(randomRun, hidden)
  return shown.length <= maxLength
    ? shown
    : `${shown.slice(0, maxLength - endLength)} … ${shown.slice(-endLength)}`.toWellFormed()
}
