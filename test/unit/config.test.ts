import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { readConfig } from '../../src/config.ts'
import { refusal } from './config-refusal.ts'

const url = 'postgresql://app:pa55word@db.example:5432/latchkey'
const longKey = 'k'.repeat(32)
const proxy = 'http://user:pa55word@proxy.example:3128'

test('has a default for every setting', () => {
  expect(readConfig({})).toEqual({
    production: false,
    port: 4000,
    host: '127.0.0.1',
    dataDir: './data',
    databaseUrl: undefined,
    redisUrl: undefined,
    secretsKey: undefined,
    keyPrefix: 'lk',
    publicUrl: undefined,
    trustedProxies: [],
    oidc: undefined,
    signUp: false,
    plansFile: undefined,
    bootstrapKey: undefined,
    agentRuntime: {
      url: undefined,
      key: undefined,
      headers: undefined,
      model: undefined,
      timeoutSeconds: 120,
    },
    documents: {
      location: { folder: 'data/documents' },
      maxBytes: 10_485_760,
      maxCount: 20,
      maxWorkspaceBytes: 10_737_418_240,
    },
    graphiql: true,
    introspection: 'public',
    logLevel: 'info',
    logRequests: 'on',
    metricsToken: undefined,
    credentialCacheMebibytes: 128,
    webhookAllowPrivate: false,
    shutdownSeconds: 10,
    untrimmedSecretsKey: undefined,
    proxy: { HTTP_PROXY: undefined, HTTPS_PROXY: undefined, NO_PROXY: 'localhost,127.0.0.1,::1' },
    warnings: [],
  })
})

test('listens everywhere and hides the schema in production', () => {
  expect(readConfig({ NODE_ENV: 'production' })).toMatchObject({
    production: true,
    host: '0.0.0.0',
    introspection: 'authenticated',
  })
})

test('takes what is set, whatever NODE_ENV says', () => {
  const bootstrapKey = createApiKeySecret('lk')
  const source = {
    NODE_ENV: 'production',
    PORT: '0',
    HOST: '::1',
    DATA_DIR: '/var/lib/latchkey',
    DATABASE_URL: url,
    REDIS_URL: 'rediss://app:pa55word@redis.example:6380/2',
    SECRETS_KEY: longKey,
    KEY_PREFIX: 'acme_live2',
    PUBLIC_URL: 'https://keys.example.com',
    TRUSTED_PROXIES: '10.0.0.0/8',
    OIDC_ISSUER: 'https://login.example.com/realms/acme/',
    OIDC_AUDIENCE: 'https://keys.example.com',
    OIDC_AUDIENCE_CLAIM: 'client_id',
    OIDC_TRUST_EMAIL: 'on',
    SIGN_UP: 'on',
    PLANS_FILE: './plans.json',
    LATCHKEY_BOOTSTRAP_KEY: bootstrapKey,
    AGENT_RUNTIME_URL: 'https://models.example.com/v1/?api-version=2024-02-01',
    AGENT_RUNTIME_KEY: 'sk-endpoint',
    AGENT_RUNTIME_HEADERS: 'API-Key=a%2Cb==, x-team=blue',
    AGENT_RUNTIME_MODEL: 'house model',
    AGENT_RUNTIME_TIMEOUT_SECONDS: '3600',
    DOCUMENTS_URL: 'file:./files',
    DOCUMENTS_MAX_BYTES: '999999999',
    DOCUMENTS_MAX_COUNT: '1',
    DOCUMENTS_MAX_WORKSPACE_BYTES: '999999999999999',
    GRAPHIQL: 'off',
    INTROSPECTION: 'public',
    LOG_LEVEL: 'silent',
    LOG_REQUESTS: 'errors',
    METRICS_TOKEN: 'a-token-for-Prometheus',
    CREDENTIAL_CACHE_MEBIBYTES: '256',
    WEBHOOK_ALLOW_PRIVATE: 'on',
    SHUTDOWN_SECONDS: '300',
    HTTP_PROXY: proxy,
    https_proxy: proxy,
    no_proxy: '.internal',
  }
  expect(readConfig(source)).toEqual({
    production: true,
    port: 0,
    host: '::1',
    dataDir: '/var/lib/latchkey',
    databaseUrl: url,
    redisUrl: 'rediss://app:pa55word@redis.example:6380/2',
    secretsKey: longKey,
    keyPrefix: 'acme_live2',
    publicUrl: 'https://keys.example.com',
    trustedProxies: ['10.0.0.0/8'],
    oidc: {
      issuer: 'https://login.example.com/realms/acme/',
      audience: 'https://keys.example.com',
      audienceClaim: 'client_id',
      trustEmail: true,
    },
    signUp: true,
    plansFile: './plans.json',
    bootstrapKey,
    agentRuntime: {
      url: 'https://models.example.com/v1?api-version=2024-02-01',
      key: 'sk-endpoint',
      headers: { 'api-key': 'a,b==', 'x-team': 'blue' },
      model: 'house model',
      timeoutSeconds: 3_600,
    },
    documents: {
      location: { folder: './files' },
      maxBytes: 999_999_999,
      maxCount: 1,
      maxWorkspaceBytes: 999_999_999_999_999,
    },
    graphiql: false,
    introspection: 'public',
    logLevel: 'silent',
    logRequests: 'errors',
    metricsToken: 'a-token-for-Prometheus',
    credentialCacheMebibytes: 256,
    webhookAllowPrivate: true,
    shutdownSeconds: 300,
    untrimmedSecretsKey: longKey,
    proxy: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: '.internal,localhost,127.0.0.1,::1' },
    warnings: [],
  })
})

test('takes an empty setting for an unset one', () => {
  const names = ['PORT', 'HOST', 'DATA_DIR', 'DATABASE_URL', 'SECRETS_KEY', 'KEY_PREFIX']
  const urls = ['REDIS_URL', 'PUBLIC_URL', 'OIDC_ISSUER', 'OIDC_AUDIENCE', 'SIGN_UP', 'PLANS_FILE']
  const more = ['LATCHKEY_BOOTSTRAP_KEY', 'GRAPHIQL', 'INTROSPECTION', 'LOG_LEVEL', 'NODE_ENV']
  const runtime = ['URL', 'KEY', 'MODEL', 'TIMEOUT_SECONDS'].map((it) => `AGENT_RUNTIME_${it}`)
  const documents = ['URL', 'MAX_BYTES', 'MAX_COUNT', 'MAX_WORKSPACE_BYTES'].map(
    (it) => `DOCUMENTS_${it}`,
  )
  const others = [
    ...documents,
    'CREDENTIAL_CACHE_MEBIBYTES',
    'SHUTDOWN_SECONDS',
    'TRUSTED_PROXIES',
    'LOG_REQUESTS',
    'METRICS_TOKEN',
  ]
  const all = [...names, ...urls, ...more, ...runtime, ...others]
  const source = Object.fromEntries(all.map((name) => [name, '']))
  expect(readConfig(source)).toEqual(readConfig({}))
})

test.each([
  ['PORT', '65536', 'a whole number from 0 to 65535'],
  ['PORT', '-1', 'a whole number from 0 to 65535'],
  ['PORT', '40.5', 'a whole number from 0 to 65535'],
  ['PORT', '40\n00', 'a whole number from 0 to 65535'],
  ['NODE_ENV', 'Production', 'one of production, development, test'],
  ['NODE_ENV', 'staging', 'one of production, development, test'],
  ['CREDENTIAL_CACHE_MEBIBYTES', '0', 'a whole number from 1 to 65536'],
  ['SHUTDOWN_SECONDS', '0', 'a whole number from 1 to 300'],
  ['HOST', 'localhost:4000', 'an address or a host name'],
  ['KEY_PREFIX', 'LK', 'at most 20 of a-z'],
  ['KEY_PREFIX', 'a__b', 'at most 20 of a-z'],
  ['KEY_PREFIX', 'a'.repeat(21), 'at most 20 of a-z'],
  ['GRAPHIQL', 'true', 'one of on, off'],
  ['SIGN_UP', 'yes', 'one of on, off'],
  ['INTROSPECTION', 'off', 'one of public, authenticated'],
  ['LOG_LEVEL', 'verbose', 'one of fatal, error, warn, info, debug, trace, silent'],
  ['LOG_REQUESTS', 'yes', 'one of on, off, errors'],
])('refuses %s=%j and says what it expects', (name, value, expected) => {
  const message = refusal({ [name]: value })
  expect(message).toContain(`${name} is ${JSON.stringify(value)}; expected ${expected}`)
})

test.each([
  ['DATABASE_URL', 'mysql://app:pa55word@db.example/latchkey'],
  ['DATABASE_URL', 'postgresql://app:pa55word@db example/latchkey'],
  ['DATABASE_URL', 'pa55word'],
  ['DATABASE_URL', 'postgresql://app:pa55word@db.example'],
  ['DATABASE_URL', 'postgresql://app:pa55word@db.example/'],
  ['DATABASE_URL', 'postgresql://app:pa55word@db.example/?sslmode=require'],
  ['DATABASE_URL', 'postgresql://app@/?host=/pa55word'],
  ['REDIS_URL', 'pa55word'],
  ['REDIS_URL', 'http://:pa55word@redis.example'],
  ['REDIS_URL', 'redis://:pa55word@/0'],
  ['REDIS_URL', 'redis://:pa55word@redis.example:65536'],
  ['REDIS_URL', 'redis://:pa55word@redis.example/latchkey'],
  ['REDIS_URL', 'redis://:pa55word@redis.example?enableOfflineQueue=true'],
  ['REDIS_URL', 'redis://:pa55word#@redis.example'],
  ['REDIS_URL', 'redis://:pa55word%ff@redis.example'],
  ['REDIS_URL', 'redis://:pa55word@redis example'],
  ['SECRETS_KEY', 'pa55word'],
  ['HTTPS_PROXY', 'pa55word'],
  ['HTTPS_PROXY', 'socks5://pa55word'],
  ['AGENT_RUNTIME_HEADERS', 'pa55word'],
  ['AGENT_RUNTIME_HEADERS', 'api key=pa55word'],
  ['AGENT_RUNTIME_HEADERS', 'host=pa55word'],
  ['AGENT_RUNTIME_HEADERS', 'api-key=pa55word%0d%0ax'],
  ['AGENT_RUNTIME_HEADERS', 'api-key=%'],
  ['LATCHKEY_BOOTSTRAP_KEY', 'lk_pa55word'],
  ['LATCHKEY_BOOTSTRAP_KEY', `${createApiKeySecret('lk')}pa55word`],
])('refuses a bad %s without its value', (name, value) => {
  const message = refusal({ [name]: value })
  expect(message).toContain(`${name} is not acceptable`)
  expect(message).not.toContain('pa55word')
})

test('takes the URL of a Unix socket', () => {
  const socket = 'postgresql://app@/latchkey?host=/var/run/postgresql'
  expect(readConfig({ DATABASE_URL: socket, SECRETS_KEY: longKey }).databaseUrl).toBe(socket)
})

// What every replica must agree on cannot be left to the machine that it happens to run on.
test('wants SECRETS_KEY and PUBLIC_URL with DATABASE_URL in production', () => {
  const production = { DATABASE_URL: url, NODE_ENV: 'production' }
  const both = { SECRETS_KEY: longKey, PUBLIC_URL: 'https://keys.example.com' }
  for (const missing of ['SECRETS_KEY', 'PUBLIC_URL'])
    for (const nothing of [{}, { [missing]: '' }]) {
      const others = Object.entries(both).filter(([name]) => name !== missing)
      expect(refusal({ ...production, ...Object.fromEntries(others), ...nothing })).toMatch(
        `${missing} is not set; with DATABASE_URL in production, expected`,
      )
    }
  expect(readConfig({ ...production, ...both })).toMatchObject({ warnings: [] })
  expect(readConfig({ NODE_ENV: 'production' }).publicUrl).toBeUndefined()
})

test('warns of the development key outside production', () => {
  const env = readConfig({ DATABASE_URL: url })
  expect(env.warnings).toEqual([expect.stringContaining('SECRETS_KEY')])
  expect(env.secretsKey?.length).toBeGreaterThanOrEqual(32)
  expect(readConfig({ DATABASE_URL: url, SECRETS_KEY: longKey }).warnings).toEqual([])
})
