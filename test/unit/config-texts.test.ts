import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { refusal } from './config-refusal.ts'

const url = 'postgresql://app:pa55word@db.example:5432/latchkey'
const longKey = 'k'.repeat(32)

const encoded = '. In a password write # as %23, / as %2F, ? as %3F, % as %25'
const databaseForm = 'postgresql://user:password@host:port/database'
const database = `; expected the name of a database at its end: ${databaseForm}`
const sslModes =
  '; expected sslmode to be one of disable, allow, prefer, require, verify-ca, verify-full, no-verify'

test.each([
  ['DATABASE_URL', 'postgresql://app:my#pa55word@db.example/latchkey', encoded],
  ['DATABASE_URL', 'postgresql://app:my/pa55word@db.example/latchkey', encoded],
  ['DATABASE_URL', 'postgresql://app:pa55word?@db.example/latchkey', encoded],
  ['REDIS_URL', 'redis://:pa55word#@redis.example', encoded],
  ['REDIS_URL', 'redis://:pa55word%@redis.example', encoded],
  ['DATABASE_URL', 'postgresql://app:pa55word@db.example', database],
  ['DATABASE_URL', 'postgres://app:pa55word@db.example:5432/?sslmode=require', database],
  ['DATABASE_URL', `${url}?sslmode=REQUIRE`, sslModes],
  ['DATABASE_URL', 'mysql://app:pa55word@db.example/latchkey', `; expected ${databaseForm}`],
  ['DATABASE_URL', `"${url}"`, '. It stands in quotes: leave them out'],
  ['METRICS_TOKEN', "'pa55word 2'", '. It stands in quotes: leave them out'],
])('refuses a bad %s with a hint at what is wrong with it', (name, value, hint) => {
  const message = refusal({ [name]: value })
  expect(message).toMatch(/^\w+ is not acceptable/)
  expect(message.endsWith(hint)).toBe(true)
  expect(message).not.toContain('pa55word')
})

test('cuts white space around every value, and knows a value of nothing else for an unset one', () => {
  const padded = {
    PORT: ' 4001\n',
    HOST: '\t::1 ',
    SECRETS_KEY: `${longKey}\r\n`,
    TRUSTED_PROXIES: ' ',
  }
  expect(readConfig(padded)).toMatchObject({
    port: 4001,
    host: '::1',
    secretsKey: longKey,
    trustedProxies: [],
  })
})

test('says of several lines that there are, and nothing of what they hold', () => {
  const { warnings } = readConfig({ SECRETS_KEY: `${longKey}\n${longKey}` })
  expect(warnings).toEqual(['SECRETS_KEY has several lines'])
  const message = refusal({ METRICS_TOKEN: 'pa55word\npa55word' })
  expect(message).toMatch(/^METRICS_TOKEN is not acceptable .+\. It has several lines$/)
  expect(message).not.toContain('pa55word')
})

test('warns in production of a database whose server may be any', () => {
  const production = {
    NODE_ENV: 'production',
    SECRETS_KEY: longKey,
    PUBLIC_URL: 'https://k.example',
  }
  const warned = 'DATABASE_URL takes any server: sslmode=verify-full checks its certificate'
  for (const [mode, warnings] of [
    ['require', [warned]],
    ['no-verify', [warned]],
    ['verify-full', []],
    ['require&sslrootcert=/ca.pem', []],
  ] as const)
    expect(readConfig({ ...production, DATABASE_URL: `${url}?sslmode=${mode}` })).toMatchObject({
      warnings,
    })
  expect(refusal({ DATABASE_URL: `${url}?sslmode=REQUIRE` })).toContain(
    'DATABASE_URL is not accept',
  )
})

test('leaves proxies of other kinds in lower case to other programs', () => {
  const { proxy } = readConfig({ http_proxy: 'socks5://proxy:1080', https_proxy: 'proxy:3128' })
  expect(proxy).toMatchObject({ HTTP_PROXY: undefined, HTTPS_PROXY: undefined })
})

test('warns of quotes that count as part of a value', () => {
  const { secretsKey, warnings } = readConfig({ SECRETS_KEY: `"${longKey}"` })
  expect(secretsKey).toBe(`"${longKey}"`)
  expect(warnings).toEqual(['SECRETS_KEY stands in quotes, which count as part of it'])
})

describe('from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-settings-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const holding = (text: string): string => {
    const file = join(folder, 'setting')
    writeFileSync(file, text)
    return file
  }

  test.each([
    ['SECRETS_KEY', longKey, { secretsKey: longKey }],
    ['DATABASE_URL', url, { databaseUrl: url }],
    ['REDIS_URL', 'redis://redis.example', { redisUrl: 'redis://redis.example' }],
    ['PUBLIC_URL', 'https://keys.example.com', { publicUrl: 'https://keys.example.com' }],
    ['METRICS_TOKEN', 'abc', { metricsToken: 'abc' }],
    ['AGENT_RUNTIME_KEY', 'abc', { agentRuntime: { key: 'abc' } }],
    [
      'AGENT_RUNTIME_URL',
      'https://m.example/v1',
      { agentRuntime: { url: 'https://m.example/v1' } },
    ],
    ['DOCUMENTS_URL', 'file:./files', { documents: { location: { folder: './files' } } }],
  ])('reads %s, without the line break at its end', (name, value, config) => {
    expect(readConfig({ [`${name}_FILE`]: holding(`${value}\n`) })).toMatchObject(config)
  })

  test('refuses one that is not acceptable, without its content', () => {
    const message = refusal({ SECRETS_KEY_FILE: holding('pa55word') })
    expect(message).toContain('SECRETS_KEY is not acceptable')
    expect(message).not.toContain('pa55word')
  })

  test('refuses one that is empty, one that is not there, and two ways at once', () => {
    expect(refusal({ SECRETS_KEY_FILE: holding(' \n') })).toContain('which is empty')
    const absent = join(folder, 'absent')
    expect(refusal({ SECRETS_KEY_FILE: absent })).toBe(
      `SECRETS_KEY_FILE cannot be read: ENOENT (${absent})`,
    )
    expect(refusal({ SECRETS_KEY_FILE: 'pa55word' })).toBe(
      'SECRETS_KEY_FILE cannot be read: ENOENT',
    )
    expect(refusal({ SECRETS_KEY_FILE: holding(longKey), SECRETS_KEY: longKey })).toBe(
      'SECRETS_KEY and SECRETS_KEY_FILE are both set; expected one of them',
    )
  })
})
