import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/client.ts'
import { installationUrl } from '../../src/db/public-url.ts'
import { openTestDatabase } from '../setup/database.ts'

let database: Database

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => void (await database.prisma.setting.deleteMany()))

const databaseUrl = 'postgresql://db.example/latchkey'
const secretsKey = 'k'.repeat(32)

/** What a start with these settings makes of the database. */
const start = (settings: Readonly<Record<string, string>>): Promise<string> =>
  installationUrl(database.prisma, readConfig({ SECRETS_KEY: secretsKey, ...settings }))
const stored = () => database.prisma.setting.findMany()

// A copy of the folder, or another port, must not go on under an address that is no more.
test('on the embedded database it is what is set, or this machine, and is not kept', async () => {
  expect(await start({})).toBe('http://127.0.0.1:4000')
  expect(await start({ PORT: '8080' })).toBe('http://127.0.0.1:8080')
  expect(await start({ PUBLIC_URL: 'https://keys.example.com' })).toBe('https://keys.example.com')
  expect(await start({})).toBe('http://127.0.0.1:4000')
  expect(await stored()).toEqual([])
})

// Replicas that issue under different names would refuse each other's tokens.
test('a database on a server keeps what was set, and every later start takes it', async () => {
  const [a, b] = ['https://keys.example.com', 'https://new.example.com']
  expect(await start({ DATABASE_URL: databaseUrl, PUBLIC_URL: a })).toBe(a)
  expect(await start({ DATABASE_URL: databaseUrl })).toBe(a)
  expect(await start({ DATABASE_URL: databaseUrl, PORT: '8080' })).toBe(a)
  expect(await start({ DATABASE_URL: databaseUrl, PUBLIC_URL: b })).toBe(b)
  expect(await start({ DATABASE_URL: databaseUrl })).toBe(b)
  expect(await stored()).toEqual([{ name: 'publicUrl', value: b }])
})

test('where nothing was ever set, the first start decides', async () => {
  expect(await start({ DATABASE_URL: databaseUrl, PORT: '8080' })).toBe('http://127.0.0.1:8080')
  expect(await start({ DATABASE_URL: databaseUrl })).toBe('http://127.0.0.1:8080')
})

test('of several that start at once on an empty database, all take the same', async () => {
  const ports = ['4001', '4002', '4003', '4004']
  const urls = await Promise.all(ports.map((PORT) => start({ DATABASE_URL: databaseUrl, PORT })))
  expect(new Set(urls).size).toBe(1)
})
