import { isIP } from 'node:net'
import { z } from 'zod'
import { isApiKey } from './auth/credentials/format.ts'
import { plainBlock } from './input/addresses.ts'
import { webUrl, withoutFinalSlashes } from './input/web-url.ts'
import { parseStorageUrl } from './storage/storage-url.ts'

/** A text for which `accept` holds; `expected` completes the sentence "expected …". */
const text = (expected: string, accept: (text: string) => boolean) =>
  z.string().refine(accept, expected)

/** A value that `parse` reads, undefined for a text that is not acceptable. */
const parsed = <T>(expected: string, parse: (text: string) => T | undefined) =>
  z.string().transform((given, context) => {
    const value = parse(given)
    if (value !== undefined) return value
    context.addIssue(expected)
    return z.NEVER
  })

export const integer = (min: number, max: number) =>
  parsed(`a whole number from ${min} to ${max}`, (given) => {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })

export const oneOf = <const T extends string>(...choices: readonly [T, ...T[]]) =>
  z.enum(choices, `one of ${choices.join(', ')}`)

export const onOrOff = oneOf('on', 'off').transform((choice) => choice === 'on')

export const path = z.string()

export const host = text(
  'an address or a host name to listen on, without a port',
  (given) => isIP(given) > 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(given),
)

export const publicUrlForm =
  'http:// or https://, a host and at most a port, such as https://keys.example.com'

export const publicUrl = parsed(publicUrlForm, (given) => {
  const url = webUrl(given)
  return url?.pathname === '/' ? url.origin : undefined
})

/** Kept to the character: it is compared with the `iss` of tokens. */
export const issuer = text(
  "the address of an OpenID provider, without blanks: its tokens' iss, to the character",
  (given) => webUrl(given) !== undefined && !/\s/.test(given),
)

export const audience = z.string()

export const addressBlocks = parsed<readonly string[]>(
  'addresses and CIDR blocks with no bits set beyond their length, such as 10.0.0.0/8, 2001:db8::1',
  (given) => {
    const blocks = given.split(',').map((item) => plainBlock(item.trim()))
    const plain = blocks.flatMap((block) => ('plain' in block ? [block.plain] : []))
    return plain.length === blocks.length ? plain : undefined
  },
)

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

const parametersOf = (url: string) => new URLSearchParams(url.split('?')[1])
const sslModeOf = (url: string): string | null => parametersOf(url).get('sslmode')

/** Whether the connection to a database is encrypted, and its server may be any. */
export const takesAnyServer = (url: string): boolean =>
  ['allow', 'prefer', 'require', 'no-verify'].includes(sslModeOf(url) ?? '') &&
  !parametersOf(url).has('sslrootcert')

const databaseUrlForm = 'postgresql://user:password@host:port/database'

/** What is wrong with the address of a database, as what is expected instead; undefined: nothing. */
function databaseUrlProblem(given: string): string | undefined {
  // A URL of a Unix socket may name a user and no host, which only PostgreSQL takes for a URL.
  const isUrl = URL.canParse(given.replace('@/', '@host/').replace(':///', '://host/'))
  const form = /^postgres(?:ql)?:\/\/[^/\s?#]*(\/[^/\s?#]*)?(?:\?[^\s#]*)?$/.exec(given)
  if (!isUrl || form === null) return databaseUrlForm
  const [, path = '/'] = form
  if (path === '/') return `the name of a database at its end: ${databaseUrlForm}`
  const isMode = [null, ...sslModes].includes(sslModeOf(given))
  return isMode ? undefined : `sslmode to be one of ${sslModes.join(', ')}`
}

export const databaseUrl = z.string().superRefine((given, context) => {
  const problem = databaseUrlProblem(given)
  if (problem !== undefined) context.addIssue(problem)
})

/** Percent-decoded; empty for what is not well encoded. */
const decoded = (given: string): string => {
  try {
    return decodeURIComponent(given)
  } catch {
    return ''
  }
}

/** Its user and password may be in it. */
export const proxyUrl = text(
  'the address of a proxy, such as http://user:password@proxy.example:3128',
  (given) => /^https?:\/\/[^/\s?#]+\/?$/.test(given) && URL.canParse(given),
)

/** The client would read what is after a `?` as settings of its own. */
export const redisUrl = text(
  'redis://user:password@host:port/database, or rediss:// for TLS',
  (given) => {
    if (!/^rediss?:\/\/[^\s?#]+$/.test(given) || !URL.canParse(given)) return false
    const { hostname, pathname } = new URL(given)
    return hostname !== '' && /^(\/\d{0,4})?$/.test(pathname) && decoded(given) !== ''
  },
)

export const endpointUrl = parsed(
  'an http(s) address up to where /chat/completions begins, such as https://host/v1',
  (given) => {
    const [address = '', ...search] = given.replace(/\?$/, '').split('?')
    const url = webUrl(address)
    const isPlain = url !== undefined && !/[#\s]/.test(given)
    return isPlain ? [withoutFinalSlashes(url.href), ...search].join('?') : undefined
  },
)

/** Of the connection, and what the request itself says. */
const ownHeaders = ['accept-encoding', 'connection', 'content-length', 'content-type', 'host']

/** Headers by their names in lower case, as OpenTelemetry writes them in settings. */
export const headers = parsed<Readonly<Record<string, string>>>(
  `name=value, divided by commas, such as api-key=abc,x-team=blue; not ${ownHeaders.join(', ')}`,
  (given) => {
    const pairs = given.split(',').map((pair) => {
      const [name = '', ...rest] = pair.split('=')
      return [name.trim().toLowerCase(), decoded(rest.join('=').trim())] as const
    })
    const isHeader = ([name, content]: (typeof pairs)[number]): boolean =>
      /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !ownHeaders.includes(name) && /^[ -~]+$/.test(content)
    return pairs.every(isHeader) ? Object.fromEntries(pairs) : undefined
  },
)

/** What can be sent in a header. */
export const headerToken = text('visible ASCII characters without blanks', (given) =>
  /^[!-~]+$/.test(given),
)

export const modelName = text('at most 100 characters', (given) => given.length <= 100)

export const documentsUrl = parsed(
  'file: and a folder, or s3://bucket/prefix with ?endpoint=…&region=… where they are needed',
  parseStorageUrl,
)

export const secretsKeyForm = 'at least 32 characters'

export const secretsKey = text(secretsKeyForm, (given) => given.length >= 32)

export const keyPrefix = text(
  'at most 20 of a-z, 0-9 and single _, beginning with a letter',
  (given) => given.length <= 20 && /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(given),
)

export const apiKey = text(
  'an API key: a prefix, _, 43 letters or digits and their checksum of 6',
  isApiKey,
)
