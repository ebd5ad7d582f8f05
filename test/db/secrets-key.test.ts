import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/db/client.ts'
import { checkSecretsKey, hasSecretsKey, localSecretsKey } from '../../src/db/secrets-key.ts'
import { ConfigError } from '../../src/errors.ts'
import { openTestDatabase } from '../setup/database.ts'

let database: Database
let dataDir: string

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-secrets-'))
  database = await openTestDatabase()
})

afterAll(async () => {
  rmSync(dataDir, { recursive: true })
  await database.close()
})

test('makes a key once, that only this user can read', async () => {
  const file = join(dataDir, 'secrets.key')
  expect(existsSync(file)).toBe(false)
  const key = await localSecretsKey(dataDir, false)
  expect(Buffer.from(key, 'base64url')).toHaveLength(32)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(dataDir)).toEqual(['secrets.key'])
  expect(await localSecretsKey(dataDir, false)).toBe(key)
  expect(readFileSync(file, 'utf8').trim()).toBe(key)
})

test('does not go on with a damaged one, and does not show it', async () => {
  writeFileSync(join(dataDir, 'secrets.key'), 'half-a-key')
  const start = localSecretsKey(dataDir, false)
  await expect(start).rejects.toThrow(ConfigError)
  await expect(start).rejects.not.toThrow('half-a-key')
  expect(readFileSync(join(dataDir, 'secrets.key'), 'utf8')).toBe('half-a-key')
})

test('a database takes the first key, and no other', async () => {
  const { prisma } = database
  const [first = '', other = ''] = ['a', 'b'].map((letter) => letter.repeat(43))
  await checkSecretsKey(prisma, first)
  await checkSecretsKey(prisma, first)
  await expect(checkSecretsKey(prisma, other)).rejects.toThrow(ConfigError)
  // Earlier versions kept the white space around a key.
  expect(await checkSecretsKey(prisma, other, [first])).toBe(first)
  await checkSecretsKey(prisma, first)
  const settings = await prisma.setting.findMany()
  expect(settings.map(({ name }) => name)).toEqual(['secretsKeyFingerprint'])
  expect(settings[0]?.value).toMatch(/^[0-9a-f]{64}$/)
})

test('makes no other key for a database that has had one, and names the missing file', async () => {
  const file = join(dataDir, 'secrets.key')
  rmSync(file)
  const start = localSecretsKey(dataDir, await hasSecretsKey(database.prisma))
  await expect(start).rejects.toThrow(ConfigError)
  await expect(start).rejects.toThrow(`${file} is missing`)
  expect(existsSync(file)).toBe(false)
})

test('a folder in place of the key is none', async () => {
  const file = join(dataDir, 'secrets.key')
  mkdirSync(file)
  const start = localSecretsKey(dataDir, await hasSecretsKey(database.prisma))
  await expect(start).rejects.toThrow(`${file} does not hold a key`)
  await expect(start).rejects.toThrow(ConfigError)
})

test('of two that start at once with different keys one is the first', async () => {
  await database.prisma.setting.deleteMany()
  const starts = ['c', 'd'].map((letter) => checkSecretsKey(database.prisma, letter.repeat(43)))
  const results = await Promise.allSettled(starts)
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})
