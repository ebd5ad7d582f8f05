import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { readConfig } from '../../src/config.ts'
import { refusal } from './config-refusal.ts'

const url = 'postgresql://app:pa55word@db.example:5432/latchkey'
const longKey = 'k'.repeat(32)

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
    agentRuntime: { url: undefined, key: undefined, model: undefined, timeoutSeconds: 120 },
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
    shutdownSeconds: 10,
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
    AGENT_RUNTIME_URL: 'https://models.example.com/v1/',
    AGENT_RUNTIME_KEY: 'sk-endpoint',
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
    SHUTDOWN_SECONDS: '300',
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
      url: 'https://models.example.com/v1',
      key: 'sk-endpoint',
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
    shutdownSeconds: 300,
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
  ['LATCHKEY_BOOTSTRAP_KEY', 'lk_pa55word'],
  ['LATCHKEY_BOOTSTRAP_KEY', `${createApiKeySecret('lk')}pa55word`],
])('refuses a bad %s without its value', (name, value) => {
  const message = refusal({ [name]: value })
  expect(message).toContain(`${name} is not acceptable`)
  expect(message).not.toContain('pa55word')
})

// An issuer is compared to the character, so what is read must be one spelling of one origin.
test.each([
  ['https://keys.example.com', 'https://keys.example.com'],
  ['https://keys.example.com/', 'https://keys.example.com'],
  ['HTTPS://Keys.Example.COM:443', 'https://keys.example.com'],
  ['http://localhost:4000', 'http://localhost:4000'],
  ['http://[::1]:4000/', 'http://[::1]:4000'],
  ['https://schlüssel.example', 'https://xn--schlssel-95a.example'],
])('takes %s as PUBLIC_URL', (text, origin) => {
  expect(readConfig({ PUBLIC_URL: text }).publicUrl).toBe(origin)
})

test.each([
  'keys.example.com',
  '//keys.example.com',
  'ftp://keys.example.com',
  'javascript:alert(1)',
  'https://keys.example.com/latchkey',
  'https://keys.example.com/?a=b',
  'https://keys.example.com/#a',
  'https://user@keys.example.com',
  'https://user:pass@keys.example.com',
  'https://:443',
  'https://keys.example.com:65536',
  'https://keys example.com',
])('refuses %s as PUBLIC_URL and says what it expects', (text) => {
  const message = refusal({ PUBLIC_URL: text })
  expect(message).toMatch(/^PUBLIC_URL is not acceptable .*; expected http:\/\/ or https:\/\//)
})

test.each([
  ['10.0.0.1', ['10.0.0.1']],
  [' 10.0.0.0/8 ,\t2001:DB8::/32,::1 ', ['10.0.0.0/8', '2001:db8::/32', '::1']],
  ['::ffff:10.0.0.1,::ffff:10.1.0.0/112', ['10.0.0.1', '10.1.0.0/16']],
  ['192.0.2.1/32,2001:db8::1/128', ['192.0.2.1', '2001:db8::1']],
])('takes %j as TRUSTED_PROXIES', (text, blocks) => {
  expect(readConfig({ TRUSTED_PROXIES: text }).trustedProxies).toEqual(blocks)
})

// One that is not what it seems would let anybody say where they come from.
test.each([
  ',',
  '10.0.0.1,',
  '10.0.0.1 10.0.0.2',
  '10.0.0.1;10.0.0.2',
  '10.0.0.1, proxy.example',
  '10.0.0.1/8',
  '10.0.0.0/33',
  '2001:db8::1/32',
  '10.0.0.0/255.0.0.0',
  '10.0.0.1:80',
  '[::1]',
  'fe80::1%eth0',
  'loopback',
  'true',
  '*',
  '10.0.0.1\n10.0.0.2',
])('refuses %j as TRUSTED_PROXIES and says what it expects', (text) => {
  const message = refusal({ TRUSTED_PROXIES: text })
  expect(message).toContain(`TRUSTED_PROXIES is ${JSON.stringify(text)}; expected addresses`)
})

test.each([
  'redis://redis.example',
  'redis://redis.example:6380/',
  'redis://:pa55word%2Fpa55word@127.0.0.1:6379/15',
  'rediss://app@[::1]:6379',
])('takes %s as REDIS_URL', (text) => {
  expect(readConfig({ REDIS_URL: text }).redisUrl).toBe(text)
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
