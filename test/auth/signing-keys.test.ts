import { exportJWK } from 'jose'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  inject,
  onTestFinished,
  test,
  vi,
} from 'vitest'
import { openSigningKeys, type SigningKeys } from '../../src/auth/signing-keys.ts'
import type { Database } from '../../src/db/client.ts'
import { openTestDatabase } from '../setup/database.ts'
import { eventually } from '../setup/eventually.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'

const secretsKey = 'a key for tests, long enough to be one'

let statements: Statements
let database: Database

beforeAll(async () => {
  statements = watchStatements()
  database = await openTestDatabase()
})
afterAll(async () => {
  statements.stop()
  await database.close()
})
beforeEach(async () => void (await database.prisma.signingKey.deleteMany()))
afterEach(() => {
  statements.answering = () => undefined
})

const open = (): Promise<SigningKeys> => openSigningKeys(database.prisma, secretsKey)
const rows = () => database.prisma.signingKey.findMany({ orderBy: { signsFrom: 'asc' } })
const published = async (keys: SigningKeys) => (await keys.published()).map(({ kid }) => kid)
const isRead = (text: string): boolean => /^\s*SELECT.+FROM "SigningKey"/s.test(text)
const readCount = (): number => statements.sent.filter(isRead).length

/** Lets every key have been made that much earlier. */
const age = (ms: number): Promise<unknown> =>
  database.prisma.$executeRaw`
    UPDATE "SigningKey" SET "signsFrom" = "signsFrom" - ${ms} * interval '1 ms'`

const minute = 60_000
/** Longer than a token lives, clocks that differ included. */
const keptFor = 65 * minute

// Whoever reads a back-up of the database must not be able to sign with what is in it.
test('a private key is stored under SECRETS_KEY alone', async () => {
  const made: CryptoKeyPair[] = []
  const generate = crypto.subtle.generateKey.bind(crypto.subtle) as (
    ...args: unknown[]
  ) => Promise<CryptoKeyPair>
  const spy = vi.spyOn(crypto.subtle, 'generateKey') as unknown as {
    mockImplementation(generate: (...args: unknown[]) => Promise<CryptoKeyPair>): void
    mockRestore(): void
  }
  onTestFinished(() => spy.mockRestore())
  spy.mockImplementation(async (...args) => {
    const pair = await generate(...args)
    made.push(pair)
    return pair
  })
  const { id } = await (await open()).rotate()
  expect(made).toHaveLength(2)
  const stored = JSON.stringify(await rows())
  expect(stored).toContain(id)
  for (const { privateKey } of made) {
    const { d = '', x } = await exportJWK(privateKey)
    expect(stored).toContain(x)
    const bytes = Buffer.from(d, 'base64url')
    for (const form of [d, bytes.toString('base64'), bytes.toString('hex')])
      expect(stored).not.toContain(form)
  }
  await expect(openSigningKeys(database.prisma, 'k'.repeat(43))).rejects.toThrow()
  expect(await published(await open())).toContain(id)
})

test('the first start makes the first key, which signs at once, and later ones make none', async () => {
  const first = await open()
  const { id } = await first.current()
  expect(await published(first)).toEqual([id])
  expect((await (await open()).current()).id).toBe(id)
  expect((await rows()).map((row) => row.id)).toEqual([id])
})

// One would sign with a key that the others refuse.
test('of several that start at once all sign with the same key', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, open))
  const ids = await Promise.all(all.map(async (keys) => (await keys.current()).id))
  expect(new Set(ids).size).toBe(1)
  expect(await rows()).toHaveLength(1)
})

// Resource servers keep the key set for a while: one that signed at once would be refused by them.
test('a new key is published at once, and signs ten minutes later', async () => {
  const keys = await open()
  const old = await keys.current()
  const begun = Date.now()
  const { id, signsFrom } = await keys.rotate()
  const askedAt = signsFrom.getTime() - 10 * minute
  expect(askedAt).toBeGreaterThan(begun - 1_000)
  expect(askedAt).toBeLessThan(Date.now() + 1_000)
  expect(await published(keys)).toEqual([old.id, id])
  expect((await keys.current()).id).toBe(old.id)
  expect((await (await open()).current()).id).toBe(old.id)

  await age(10 * minute - 30_000)
  const clock = jumpingClock()
  clock.forward(minute)
  expect((await keys.current()).id).toBe(old.id)
  clock.forward(25_000)
  expect((await keys.current()).id).toBe(old.id)
  // Between two reads it is the time since the last one that counts.
  const before = readCount()
  clock.forward(10_000)
  expect((await keys.current()).id).toBe(id)
  expect(readCount()).toBe(before)
  expect(await keys.find(old.id)).toBeDefined()
})

// A replica whose own clock is wrong must neither sign too soon nor drop what still verifies. The
// embedded database has no other clock than the process.
if (inject('postgres'))
  test.each([-1, 1])(
    'the clock of the process, wrong by %i hour, decides nothing',
    async (hours) => {
      const keys = await open()
      const old = await keys.current()
      onTestFinished(() => void vi.useRealTimers())
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 60 * minute })
      const { id } = await keys.rotate()
      expect((await keys.current()).id).toBe(old.id)
      await age(10 * minute)
      const other = await open()
      expect((await other.current()).id).toBe(id)
      expect(await published(other)).toEqual([old.id, id])
    },
  )

test('a replica that was not told finds a key by its id, and publishes it within a minute', async () => {
  const [a, b, c] = await Promise.all([open(), open(), open()])
  const { id } = await a.rotate()
  const clock = jumpingClock()
  clock.forward(5_000)
  expect(await b.find(id)).toBeDefined()
  expect(await published(c)).not.toContain(id)
  clock.forward(55_000)
  expect(await published(c)).toContain(id)
})

// Whoever sends tokens with made-up key ids must not reach the database with each.
test('unknown key ids read the keys once in five seconds, however many they are', async () => {
  const keys = await open()
  const { id } = await keys.current()
  const clock = jumpingClock()
  const flood = () =>
    Promise.all(Array.from({ length: 200 }, (_, index) => keys.find(`unknown ${index}`)))
  for (const expected of [0, 1, 0, 1]) {
    const before = readCount()
    const found = await flood()
    expect(found.every((key) => key === undefined)).toBe(true)
    expect(await keys.find(id)).toBeDefined()
    expect(readCount() - before).toBe(expected)
    clock.forward(expected === 0 ? 5_000 : 4_000)
  }
})

// Who is told that a token is unknown throws it away; it may be that only nobody could look.
test('while the keys cannot be read, known ones verify and unknown ones are not denied', async () => {
  const keys = await open()
  const { id } = await keys.current()
  const { id: next } = await (await open()).rotate()
  const clock = jumpingClock()
  clock.forward(minute)
  statements.answering = (text) => {
    if (isRead(text)) throw new Error('Connection terminated unexpectedly')
  }
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const asked = Array.from({ length: 5 }, () => keys.find(next))
    const results = await Promise.allSettled(asked)
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']))
    expect(await keys.find(id)).toBeDefined()
    expect(await published(keys)).toEqual([id])
    await expect(keys.current()).rejects.toThrow()
  }
  statements.answering = () => undefined
  expect(await keys.find(next)).toBeDefined()
  expect((await keys.current()).id).toBe(id)
})

// Two operators, or one and a schedule, on two machines.
test('rotations at once make one key between them', async () => {
  const all = await Promise.all([open(), open(), open()])
  const old = await all[0].current()
  const results = await Promise.all([...all, ...all].map((keys) => keys.rotate()))
  const [{ id, signsFrom } = { id: '', signsFrom: new Date() }] = results
  for (const result of results) expect(result).toEqual({ id, signsFrom })
  for (const keys of all) expect(await published(keys)).toEqual([old.id, id])
  await age(10 * minute)
  expect((await all[0].rotate()).id).not.toBe(id)
})

test('a rotation is published even if the keys were just being read', async () => {
  const keys = await open()
  jumpingClock().forward(minute)
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const { promise: answered, resolve: wasAnswered } = Promise.withResolvers<void>()
  statements.answering = async (text) => {
    if (!isRead(text)) return
    statements.answering = () => undefined
    wasAnswered()
    await go
  }
  const earlier = keys.find('unknown')
  await answered
  const rotation = keys.rotate()
  await eventually(async () => expect(await rows()).toHaveLength(2))
  resolve()
  const { id } = await rotation
  await earlier
  expect(await published(keys)).toContain(id)
})

// A token lives an hour at most; a key that nobody's token can be signed with need not be trusted.
test('a key is dropped once the last token by it is over, and not before', async () => {
  const keys = await open()
  const first = (await keys.current()).id
  const second = (await keys.rotate()).id
  await age(10 * minute + keptFor - 10_000)
  expect(await published(await open())).toEqual([first, second])
  const third = (await keys.rotate()).id
  expect((await rows()).map(({ id }) => id)).toEqual([first, second, third])

  await age(10_000)
  // Nobody verifies by it any more, whether or not there is a rotation.
  expect(await published(await open())).toEqual([second, third])
  await keys.rotate()
  expect((await rows()).map(({ id }) => id)).toEqual([second, third])
})
