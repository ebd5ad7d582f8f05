import { isIP } from 'node:net'
import { join } from 'node:path'
import { isApiKey } from './auth/credentials/format.ts'
import { ConfigError } from './errors.ts'
import { plainBlock } from './input/addresses.ts'
import { webUrl, withoutFinalSlashes } from './input/web-url.ts'
import type { RuntimeSettings } from './runtime/runtime.ts'
import type { DocumentLimits } from './storage/document-store.ts'
import { endpointOf, parseStorageUrl, type StorageLocation } from './storage/storage-url.ts'

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** Guards nothing: it is printed here. For development on PostgreSQL only. */
const developmentSecretsKey = 'latchkey development key, known to everybody'

/** Where documents are kept, and how many. */
export interface DocumentSettings extends DocumentLimits {
  readonly location: StorageLocation
}

/** The settings of a server, checked, with their defaults. */
export interface Config {
  readonly production: boolean
  readonly port: number
  readonly host: string
  readonly dataDir: string
  /** Absent: the embedded database in `dataDir`. */
  readonly databaseUrl?: string | undefined
  /** Absent: each server counts limits for itself. */
  readonly redisUrl?: string | undefined
  /** Absent only on the embedded database, which keeps one of its own in `dataDir`. */
  readonly secretsKey?: string | undefined
  readonly keyPrefix: string
  /** An origin. Absent: the one stored in the database, or else this machine's. */
  readonly publicUrl?: string | undefined
  /** Addresses and CIDR blocks in plain form: whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[]
  /** Whose access tokens sign people in, and the audience that they must be for. */
  readonly oidc?: { readonly issuer: string; readonly audience: string } | undefined
  readonly signUp: boolean
  /** A JSON file of other limits for the plans. Absent: they are as built in. */
  readonly plansFile?: string | undefined
  readonly bootstrapKey?: string | undefined
  readonly agentRuntime: RuntimeSettings
  readonly documents: DocumentSettings
  readonly graphiql: boolean
  readonly introspection: 'public' | 'authenticated'
  readonly logLevel: (typeof logLevels)[number]
  readonly logRequests: 'on' | 'off' | 'errors'
  readonly metricsToken?: string | undefined
  readonly credentialCacheMebibytes: number
  readonly shutdownSeconds: number
  /** What the operator should be told at the start, a line each. */
  readonly warnings: readonly string[]
}

interface Kind<T> {
  /** Completes "expected …". */
  readonly expected: string
  /** Its value is never shown. So are those of all URLs: a refused one may hold a password. */
  readonly secret?: true
  /** Undefined when the text is not acceptable. */
  parse(text: string): T | undefined
}

const when =
  (accept: (text: string) => boolean) =>
  (text: string): string | undefined =>
    accept(text) ? text : undefined

const integer = (min: number, max: number): Kind<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  parse: (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  },
})

const oneOf = <const T extends string>(choices: readonly T[]): Kind<T> => ({
  expected: `one of ${choices.join(', ')}`,
  parse: (text) => choices.find((choice) => choice === text),
})

const path = (expected: string): Kind<string> => ({ expected, parse: (text) => text })

const host: Kind<string> = {
  expected: 'an address or a host name to listen on, without a port',
  parse: when((text) => isIP(text) > 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text)),
}

const publicUrl: Kind<string> = {
  expected: 'http:// or https://, a host and at most a port, such as https://keys.example.com',
  secret: true,
  parse: (text) => {
    const url = webUrl(text)
    return url?.pathname === '/' ? url.origin : undefined
  },
}

/** Kept to the character: it is compared with what tokens name. */
const issuer: Kind<string> = {
  expected: "the address of an OpenID provider, without blanks: its tokens' iss, to the character",
  secret: true,
  parse: when((text) => webUrl(text) !== undefined && !/\s/.test(text)),
}

const addressBlocks: Kind<readonly string[]> = {
  expected:
    'addresses and CIDR blocks with no bits set beyond their length, such as 10.0.0.0/8, 2001:db8::1',
  parse: (text) => {
    const blocks = text.split(',').map((item) => plainBlock(item.trim()))
    const plain = blocks.flatMap((block) => ('plain' in block ? [block.plain] : []))
    return plain.length === blocks.length ? plain : undefined
  },
}

const audience: Kind<string> = {
  expected: 'text without blanks around it',
  parse: when((text) => text.trim() === text),
}

const databaseUrl: Kind<string> = {
  expected: 'postgresql://user:password@host:port/database',
  secret: true,
  // A URL of a Unix socket may name a user and no host, which is no URL to anybody but PostgreSQL.
  parse: when(
    (text) => /^postgres(ql)?:\/\/\S+$/.test(text) && URL.canParse(text.replace('@/', '@host/')),
  ),
}

const isDecodable = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** The client would take what is after a ? for settings of its own. */
const redisUrl: Kind<string> = {
  expected: 'redis://user:password@host:port/database, or rediss:// for TLS',
  secret: true,
  parse: when((text) => {
    if (!/^rediss?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false
    const { hostname, pathname } = new URL(text)
    return hostname !== '' && /^(\/\d{0,4})?$/.test(pathname) && isDecodable(text)
  }),
}

const endpointUrl: Kind<string> = {
  expected: 'an http(s) address up to where /chat/completions begins, such as https://host/v1',
  secret: true,
  parse: (text) => {
    const url = webUrl(text)
    return url && withoutFinalSlashes(url.href)
  },
}

/** What can be sent in a header. */
const headerToken: Kind<string> = {
  expected: 'visible ASCII characters without blanks',
  secret: true,
  parse: when((text) => /^[!-~]+$/.test(text)),
}

const modelName: Kind<string> = {
  expected: 'at most 100 characters without blanks around them',
  parse: when((text) => text.trim() === text && text.length <= 100),
}

const documentsUrl: Kind<StorageLocation> = {
  expected:
    'file: and a folder, or s3://bucket/prefix with ?endpoint=…&region=… where they are needed',
  secret: true,
  parse: parseStorageUrl,
}

const secretsKey: Kind<string> = {
  expected: 'at least 32 characters',
  secret: true,
  parse: when((text) => text.length >= 32),
}

const keyPrefix: Kind<string> = {
  expected: 'at most 20 of a-z, 0-9 and single _, beginning with a letter',
  parse: when((text) => text.length <= 20 && /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(text)),
}

const apiKey: Kind<string> = {
  expected: 'an API key: a prefix, _, 43 letters or digits and their checksum of 6',
  secret: true,
  parse: when(isApiKey),
}

/** @throws ConfigError when there is one and not the other */
function oidcOf(issuer: string | undefined, audience: string | undefined): Config['oidc'] {
  if (issuer !== undefined && audience !== undefined) return { issuer, audience }
  if (issuer === undefined && audience === undefined) return undefined
  const [missing, given] =
    issuer === undefined ? ['OIDC_ISSUER', 'OIDC_AUDIENCE'] : ['OIDC_AUDIENCE', 'OIDC_ISSUER']
  throw new ConfigError(`${missing} is not set; with ${given}, expected both of them`)
}

/** @throws ConfigError when the installation itself, reached there, would sign people in */
export function refuseOwnIssuer(oidc: Config['oidc'], publicUrl: string): void {
  if (oidc === undefined || new URL(oidc.issuer).href !== new URL(publicUrl).href) return
  throw new ConfigError(
    `OIDC_ISSUER is ${JSON.stringify(oidc.issuer)}; expected another one than PUBLIC_URL`,
  )
}

/** Whether what is said there can be changed on its way. */
function isUnguarded(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer)
  const isLoopback = /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
  return protocol === 'http:' && !isLoopback
}

/**
 * Reads the settings. An empty one is an unset one.
 *
 * @throws ConfigError naming the first setting that is not acceptable, its value unless it is
 *   secret, and what was expected.
 */
export function readConfig(
  source: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const read = <T>(name: string, kind: Kind<T>): T | undefined => {
    const text = source[name]
    if (text === undefined || text === '') return undefined
    const value = kind.parse(text)
    if (value !== undefined) return value
    const shown = kind.secret ? 'not acceptable (its value is not shown)' : JSON.stringify(text)
    throw new ConfigError(`${name} is ${shown}; expected ${kind.expected}`)
  }
  const production = source.NODE_ENV === 'production'
  const dataDir = read('DATA_DIR', path('a folder')) ?? './data'
  const config = {
    production,
    port: read('PORT', integer(0, 65_535)) ?? 4000,
    host: read('HOST', host) ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir,
    databaseUrl: read('DATABASE_URL', databaseUrl),
    redisUrl: read('REDIS_URL', redisUrl),
    secretsKey: read('SECRETS_KEY', secretsKey),
    keyPrefix: read('KEY_PREFIX', keyPrefix) ?? 'lk',
    publicUrl: read('PUBLIC_URL', publicUrl),
    trustedProxies: read('TRUSTED_PROXIES', addressBlocks) ?? [],
    oidc: oidcOf(read('OIDC_ISSUER', issuer), read('OIDC_AUDIENCE', audience)),
    signUp: (read('SIGN_UP', oneOf(['on', 'off'])) ?? 'off') === 'on',
    plansFile: read('PLANS_FILE', path('a file')),
    bootstrapKey: read('LATCHKEY_BOOTSTRAP_KEY', apiKey),
    agentRuntime: {
      url: read('AGENT_RUNTIME_URL', endpointUrl),
      key: read('AGENT_RUNTIME_KEY', headerToken),
      model: read('AGENT_RUNTIME_MODEL', modelName),
      timeoutSeconds: read('AGENT_RUNTIME_TIMEOUT_SECONDS', integer(1, 3_600)) ?? 120,
    },
    documents: {
      location: read('DOCUMENTS_URL', documentsUrl) ?? { folder: join(dataDir, 'documents') },
      maxBytes: read('DOCUMENTS_MAX_BYTES', integer(1, 999_999_999)) ?? 10_485_760,
      maxCount: read('DOCUMENTS_MAX_COUNT', integer(1, 1_000)) ?? 20,
      maxWorkspaceBytes:
        read('DOCUMENTS_MAX_WORKSPACE_BYTES', integer(1, 999_999_999_999_999)) ?? 10_737_418_240,
    },
    graphiql: (read('GRAPHIQL', oneOf(['on', 'off'])) ?? 'on') === 'on',
    introspection:
      read('INTROSPECTION', oneOf(['public', 'authenticated'])) ??
      (production ? 'authenticated' : 'public'),
    logLevel: read('LOG_LEVEL', oneOf(logLevels)) ?? 'info',
    logRequests: read('LOG_REQUESTS', oneOf(['on', 'off', 'errors'])) ?? 'on',
    metricsToken: read('METRICS_TOKEN', headerToken),
    credentialCacheMebibytes: read('CREDENTIAL_CACHE_MEBIBYTES', integer(1, 65_536)) ?? 128,
    shutdownSeconds: read('SHUTDOWN_SECONDS', integer(1, 300)) ?? 10,
  } as const
  if (config.publicUrl !== undefined) refuseOwnIssuer(config.oidc, config.publicUrl)
  const unguarded = [
    ['OIDC_ISSUER', config.oidc?.issuer, 'can sign in as anybody'],
    ['AGENT_RUNTIME_URL', config.agentRuntime.url, 'reads its key and all that agents are asked'],
    ['DOCUMENTS_URL', endpointOf(config.documents.location), 'reads and changes documents'],
  ] as const
  const warnings = unguarded
    .filter(([, url]) => production && url !== undefined && isUnguarded(url))
    .map(([name, , what]) => `${name} is http: who stands between ${what}`)
  if (config.databaseUrl === undefined) return { ...config, warnings }
  for (const [name, { expected }] of [
    ['SECRETS_KEY', secretsKey],
    ['PUBLIC_URL', publicUrl],
  ] as const)
    if (production && !source[name])
      throw new ConfigError(
        `${name} is not set; with DATABASE_URL in production, expected ${expected}`,
      )
  if (config.secretsKey !== undefined) return { ...config, warnings }
  const warning = 'SECRETS_KEY is not set: using the development key, which guards nothing'
  return { ...config, secretsKey: developmentSecretsKey, warnings: [...warnings, warning] }
}
