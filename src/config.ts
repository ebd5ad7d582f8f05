import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import * as value from './config-values.ts'
import { ConfigError } from './errors.ts'
import { endpointOf } from './storage/storage-url.ts'

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const loopback = ['localhost', '127.0.0.1', '::1']

/** Guards nothing: it is printed here. For development on PostgreSQL only. */
const developmentSecretsKey = 'latchkey development key, known to everybody'

/**
 * Settings whose values are never shown: secrets, and addresses, which may hold a password. Each can
 * be read from a file instead, named by the setting with `_FILE` behind it.
 */
const secretSettings = z.object({
  /** Absent: the embedded database in DATA_DIR. */
  DATABASE_URL: value.databaseUrl.optional(),
  /** Absent: each server counts limits for itself. */
  REDIS_URL: value.redisUrl.optional(),
  /** Absent only on the embedded database, which keeps one of its own in DATA_DIR. */
  SECRETS_KEY: value.secretsKey.optional(),
  /** An origin. Absent: the one stored in the database, or else this machine's. */
  PUBLIC_URL: value.publicUrl.optional(),
  OIDC_ISSUER: value.issuer.optional(),
  LATCHKEY_BOOTSTRAP_KEY: value.apiKey.optional(),
  AGENT_RUNTIME_URL: value.endpointUrl.optional(),
  AGENT_RUNTIME_KEY: value.headerToken.optional(),
  AGENT_RUNTIME_HEADERS: value.headers.optional(),
  DOCUMENTS_URL: value.documentsUrl.optional(),
  METRICS_TOKEN: value.headerToken.optional(),
  /** For outgoing requests; in lower case as well, as other programs read them. */
  HTTP_PROXY: value.proxyUrl.optional(),
  HTTPS_PROXY: value.proxyUrl.optional(),
})

const settings = z.object({
  NODE_ENV: value.oneOf('production', 'development', 'test').optional(),
  PORT: value.integer(0, 65_535).default(4_000),
  HOST: value.host.optional(),
  DATA_DIR: value.path.default('./data'),
  KEY_PREFIX: value.keyPrefix.default('lk'),
  /** In plain form: whose X-Forwarded-For counts. */
  TRUSTED_PROXIES: value.addressBlocks.default([]),
  OIDC_AUDIENCE: value.audience.optional(),
  /** The claim of a token that names its audience. */
  OIDC_AUDIENCE_CLAIM: value.oneOf('aud', 'client_id').default('aud'),
  /** Whether addresses count of which the provider does not say that they are verified. */
  OIDC_TRUST_EMAIL: value.onOrOff.default(false),
  SIGN_UP: value.onOrOff.default(false),
  /** A JSON file of other limits for the plans. Absent: they are as built in. */
  PLANS_FILE: value.path.optional(),
  AGENT_RUNTIME_MODEL: value.modelName.optional(),
  AGENT_RUNTIME_TIMEOUT_SECONDS: value.integer(1, 3_600).default(120),
  DOCUMENTS_MAX_BYTES: value.integer(1, 999_999_999).default(10_485_760),
  DOCUMENTS_MAX_COUNT: value.integer(1, 1_000).default(20),
  DOCUMENTS_MAX_WORKSPACE_BYTES: value.integer(1, 999_999_999_999_999).default(10_737_418_240),
  GRAPHIQL: value.onOrOff.default(true),
  INTROSPECTION: value.oneOf('public', 'authenticated').optional(),
  LOG_LEVEL: value.oneOf(...logLevels).default('info'),
  LOG_REQUESTS: value.oneOf('on', 'off', 'errors').default('on'),
  CREDENTIAL_CACHE_MEBIBYTES: value.integer(1, 65_536).default(128),
  /** Whether webhooks go to addresses of this network, and by http. */
  WEBHOOK_ALLOW_PRIVATE: value.onOrOff.default(false),
  SHUTDOWN_SECONDS: value.integer(1, 300).default(10),
  /** Hosts that are reached without a proxy. */
  NO_PROXY: z.string().optional(),
  ...secretSettings.shape,
})

/** The names of all settings. */
export const settingNames = Object.keys(settings.shape)

type Settings = z.output<typeof settings>
type Source = Readonly<Record<string, string | undefined>>

const isSecret = (name: string): boolean => name in secretSettings.shape
const isQuoted = (text: string): boolean =>
  text.length > 1 && text[0] === text.at(-1) && '"\'`'.includes(text[0] ?? '')

/** @throws ConfigError when the file cannot be read, or is empty */
function readSecretFile(name: string, file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    // A path is shown where it can be nothing else: a secret may have been put there by mistake.
    const path = file.includes('/') ? ` (${file})` : ''
    const { code } = cause as NodeJS.ErrnoException
    throw new ConfigError(`${name}_FILE cannot be read: ${code}${path}`)
  }
  if (text === '')
    throw new ConfigError(
      `${name}_FILE is ${JSON.stringify(file)}, which is empty; expected a file that holds ${name}`,
    )
  return text
}

/** A proxy as other programs read it as well: one of a kind that is not known here is theirs alone. */
function inLowerCase(source: Source, name: string): string | undefined {
  const text = name.endsWith('_PROXY') ? source[name.toLowerCase()]?.trim() : undefined
  return name === 'NO_PROXY' || value.proxyUrl.safeParse(text).success ? text : undefined
}

/**
 * The text of a setting without white space around it; undefined: it is not set, or empty.
 *
 * @throws ConfigError when it is set in two ways, or its file cannot be read
 */
function textOf(source: Source, name: string): string | undefined {
  const own = (source[name] ?? inLowerCase(source, name))?.trim() || undefined
  const file = isSecret(name) ? source[`${name}_FILE`]?.trim() || undefined : undefined
  if (own !== undefined && file !== undefined)
    throw new ConfigError(`${name} and ${name}_FILE are both set; expected one of them`)
  return file === undefined ? own : readSecretFile(name, file)
}

/** Whether a user or password in an address has signs that mean something else there. */
function isUnencoded(url: string): boolean {
  const user = url.slice(url.indexOf('//') + 2, Math.max(0, url.lastIndexOf('@')))
  return url.includes('#') || /[/?]|%(?![\da-f]{2})/i.test(user)
}

const hintFor = (name: string, text: string): string => {
  if (isQuoted(text)) return '. It stands in quotes: leave them out'
  if (/[\r\n]/.test(text)) return '. It has several lines'
  return name.endsWith('_URL') && isUnencoded(text)
    ? '. In a password write # as %23, / as %2F, ? as %3F, % as %25'
    : ''
}

/** @throws ConfigError naming the first setting that is not acceptable */
function readSettings(source: Source): Settings {
  const texts = Object.fromEntries(settingNames.map((name) => [name, textOf(source, name)]))
  const result = settings.safeParse(texts)
  if (result.success) return result.data
  const [{ path, message: expected } = { path: [], message: '' }] = result.error.issues
  const name = String(path[0])
  const text = texts[name] ?? ''
  const shown = isSecret(name) ? 'not acceptable (its value is not shown)' : JSON.stringify(text)
  throw new ConfigError(`${name} is ${shown}; expected ${expected}${hintFor(name, text)}`)
}

/** @throws ConfigError when there is one and not the other */
function oidcOf({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, ...rest }: Settings) {
  const { OIDC_AUDIENCE_CLAIM: audienceClaim, OIDC_TRUST_EMAIL: trustEmail } = rest
  if (issuer !== undefined && audience !== undefined)
    return { issuer, audience, audienceClaim, trustEmail }
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

/** Whether what is sent there can be changed on its way. */
function isUnguarded(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  const isLoopback = /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
  return protocol === 'http:' && !isLoopback
}

/** What the operator should know at the start, a line each. */
function warningsOf(read: Settings, production: boolean): string[] {
  const unguarded = [
    ['OIDC_ISSUER', read.OIDC_ISSUER, 'can sign in as anybody'],
    ['AGENT_RUNTIME_URL', read.AGENT_RUNTIME_URL, 'reads its key and all that agents are asked'],
    [
      'DOCUMENTS_URL',
      read.DOCUMENTS_URL && endpointOf(read.DOCUMENTS_URL),
      'reads and changes documents',
    ],
  ] as const
  const quoted = Object.entries(read).filter(([, it]) => typeof it === 'string' && isQuoted(it))
  return [
    ...unguarded
      .filter(([, url]) => production && url !== undefined && isUnguarded(url))
      .map(([name, , what]) => `${name} is http: who stands between ${what}`),
    ...(production && read.DATABASE_URL && value.takesAnyServer(read.DATABASE_URL)
      ? ['DATABASE_URL takes any server: sslmode=verify-full checks its certificate']
      : []),
    ...quoted.map(([name]) => `${name} stands in quotes, which count as part of it`),
    ...(/[\r\n]/.test(read.SECRETS_KEY ?? '') ? ['SECRETS_KEY has several lines'] : []),
    ...(read.DATABASE_URL !== undefined && read.SECRETS_KEY === undefined
      ? ['SECRETS_KEY is not set: using the development key, which guards nothing']
      : []),
  ]
}

/** What every replica must agree on cannot be left to the machine that it happens to run on. */
function assertShared(read: Settings): void {
  for (const [name, expected] of [
    ['SECRETS_KEY', value.secretsKeyForm],
    ['PUBLIC_URL', value.publicUrlForm],
  ] as const)
    if (read[name] === undefined)
      throw new ConfigError(
        `${name} is not set; with DATABASE_URL in production, expected ${expected}`,
      )
}

/** The settings of a server, checked, with their defaults. */
export type Config = ReturnType<typeof readConfig>

/**
 * Reads the settings. White space around a value is cut, and an empty one is not set.
 *
 * @throws ConfigError naming the first setting that is not acceptable, its value unless it is
 *   secret, and what was expected
 */
export function readConfig(source: Source = process.env) {
  const read = readSettings(source)
  const production = read.NODE_ENV === 'production'
  const oidc = oidcOf(read)
  if (read.PUBLIC_URL !== undefined) refuseOwnIssuer(oidc, read.PUBLIC_URL)
  if (production && read.DATABASE_URL !== undefined) assertShared(read)
  return {
    production,
    port: read.PORT,
    host: read.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    dataDir: read.DATA_DIR,
    databaseUrl: read.DATABASE_URL,
    redisUrl: read.REDIS_URL,
    secretsKey: read.SECRETS_KEY ?? (read.DATABASE_URL && developmentSecretsKey),
    /** As it was set: earlier versions kept the white space around it. */
    untrimmedSecretsKey: source.SECRETS_KEY?.trim() ? source.SECRETS_KEY : undefined,
    keyPrefix: read.KEY_PREFIX,
    publicUrl: read.PUBLIC_URL,
    trustedProxies: read.TRUSTED_PROXIES,
    oidc,
    signUp: read.SIGN_UP,
    plansFile: read.PLANS_FILE,
    bootstrapKey: read.LATCHKEY_BOOTSTRAP_KEY,
    agentRuntime: {
      url: read.AGENT_RUNTIME_URL,
      key: read.AGENT_RUNTIME_KEY,
      headers: read.AGENT_RUNTIME_HEADERS,
      model: read.AGENT_RUNTIME_MODEL,
      timeoutSeconds: read.AGENT_RUNTIME_TIMEOUT_SECONDS,
    },
    documents: {
      location: read.DOCUMENTS_URL ?? { folder: join(read.DATA_DIR, 'documents') },
      maxBytes: read.DOCUMENTS_MAX_BYTES,
      maxCount: read.DOCUMENTS_MAX_COUNT,
      maxWorkspaceBytes: read.DOCUMENTS_MAX_WORKSPACE_BYTES,
    },
    graphiql: read.GRAPHIQL,
    introspection: read.INTROSPECTION ?? (production ? 'authenticated' : 'public'),
    logLevel: read.LOG_LEVEL,
    logRequests: read.LOG_REQUESTS,
    metricsToken: read.METRICS_TOKEN,
    credentialCacheMebibytes: read.CREDENTIAL_CACHE_MEBIBYTES,
    webhookAllowPrivate: read.WEBHOOK_ALLOW_PRIVATE,
    shutdownSeconds: read.SHUTDOWN_SECONDS,
    proxy: {
      HTTP_PROXY: read.HTTP_PROXY,
      HTTPS_PROXY: read.HTTPS_PROXY,
      // What runs on this machine is no proxy's to reach.
      NO_PROXY: [...(read.NO_PROXY ? [read.NO_PROXY] : []), ...loopback].join(),
    },
    warnings: warningsOf(read, production),
  } as const
}
