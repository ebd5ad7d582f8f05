import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { isDatabaseFailure } from '../../src/db/failure.ts'
import { PreparedPGlite } from '../../src/db/prepared-pglite.ts'
import { readTemplate } from '../../src/db/template.ts'

const template = await readTemplate()
const options = template ? { loadDataDir: template } : {}
let plain: PGlite
let prepared: PreparedPGlite

beforeAll(async () => {
  plain = await PGlite.create(options)
  prepared = new PreparedPGlite(options)
})
afterAll(() => Promise.all([plain.close(), prepared.close()]))

beforeEach(async () => {
  for (const database of [plain, prepared])
    await database.exec(`DROP TABLE IF EXISTS thing;
      CREATE TABLE thing (id int PRIMARY KEY, name text, tags text[], bytes bytea, at timestamptz,
        big bigint, is_on bool, part float8, more jsonb)`)
})

const columns = 'id, name, tags, bytes, at, big, is_on, part, more'
const insert = `INSERT INTO thing (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
const values = [
  [
    1,
    'one',
    ['a', 'b,"c"', ''],
    Uint8Array.of(0, 255),
    new Date(0),
    2n ** 62n,
    true,
    0.5,
    { a: 1 },
  ],
  [2, null, null, null, null, null, null, null, null],
  [3, '', [], new Uint8Array(), '2031-02-03 04:05:06.789+00', '7', false, -1, []],
]
const read = `SELECT ${columns} FROM thing WHERE id <= $1 ORDER BY id`

const lookUp = 'SELECT name FROM thing WHERE big = $1'
const keptOf = async (database: PGlite, text: string) =>
  (await database.query<any>('SELECT * FROM pg_prepared_statements WHERE statement = $1', [text]))
    .rows

test.each(['array', 'object'] as const)(
  'what a statement answers is what PGlite answers, the first time and later: rows as %s',
  async (rowMode) => {
    const answersOf = async (database: PGlite): Promise<unknown[]> => {
      const answers: unknown[] = []
      const ask = async (text: string, given: unknown[] = []): Promise<void> => {
        const { rows, fields, affectedRows } = await database.query(text, given, { rowMode })
        const named = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID }))
        answers.push({ rows, named, affectedRows })
      }
      for (const row of values) await ask(insert, row)
      for (const most of [0, 1, 3]) await ask(read, [most])
      await ask('UPDATE thing SET name = $1 WHERE id > $2', ['x', 1])
      await ask('INSERT INTO thing (id) SELECT generate_series(10, 14) RETURNING id')
      await ask('DELETE FROM thing WHERE id > $1 RETURNING id, name', [2])
      await ask('SELECT count(*) FROM thing')
      await ask('SELECT count(*) FROM thing')
      await ask('SHOW transaction_isolation')
      return answers
    }
    expect(await answersOf(prepared)).toEqual(await answersOf(plain))
  },
)

test('a statement is parsed once, and no more are kept than may be', async () => {
  for (const row of values) await prepared.query(insert, row)
  const text = `${read} -- by a text of its own`
  for (let time = 0; time < 10; time += 1) await prepared.query(text, [3])
  const [kept, ...more] = await keptOf(prepared, text)
  expect(more).toEqual([])
  expect(Number(kept.generic_plans) + Number(kept.custom_plans)).toBe(10)

  for (let n = 0; n < 300; n += 1)
    expect((await prepared.query(`SELECT ${n} AS n`)).rows).toEqual([{ n }])
  const { rows } = await prepared.query<any>(
    'SELECT count(*)::int AS n FROM pg_prepared_statements',
  )
  expect(rows[0].n).toBeLessThanOrEqual(200)
  expect((await prepared.query(read, [3])).rows).toHaveLength(3)

  const long = `SELECT 1 AS ${'a'.repeat(50)} /* ${'long '.repeat(1_000)} */`
  for (const _ of [1, 2]) expect((await prepared.query(long)).rows).toHaveLength(1)
  expect(await keptOf(prepared, long)).toEqual([])
})

test('after an error the statement and its transaction are as they would be', async () => {
  await prepared.query(insert, values[0])
  await expect(prepared.query(insert, values[0])).rejects.toMatchObject({ code: '23505' })
  await expect(prepared.query('SELECT nothing')).rejects.toMatchObject({ code: '42703' })
  await expect(prepared.query('SELECT nothing')).rejects.toMatchObject({ code: '42703' })
  await expect(prepared.query(read, ['x'])).rejects.toMatchObject({ code: '22P02' })
  await prepared.query(insert, values[1])

  const { query, end } = await prepared.begin()
  await query(insert, values[2])
  await expect(query(insert, values[2])).rejects.toMatchObject({ code: '23505' })
  await expect(query(read, [3])).rejects.toMatchObject({ code: '25P02' })
  end()
  expect((await prepared.query(read, [3])).rows).toHaveLength(2)
})

test('a table that is made anew is read as it is now', async () => {
  await prepared.query(insert, values[0])
  const text = 'SELECT name FROM thing'
  expect((await prepared.query(text)).rows).toEqual([{ name: 'one' }])
  await prepared.exec(`DROP TABLE thing; CREATE TABLE thing (id int, name text);
    INSERT INTO thing VALUES (2, 'two')`)
  expect((await prepared.query(text)).rows).toEqual([{ name: 'two' }])
  await prepared.exec('DROP TABLE thing')
  await expect(prepared.query(text)).rejects.toMatchObject({ code: '42P01' })
})

// A plan for a small table reads all of it.
test('a plan follows the growth of a table, after a minute, and not within a transaction', async () => {
  await prepared.exec('CREATE INDEX ON thing (big)')
  await prepared.exec('INSERT INTO thing (id, big) VALUES (0, 0); ANALYZE thing')
  for (let time = 0; time < 10; time += 1) await prepared.query(lookUp, [0])
  const planOf = async (): Promise<string> => {
    const [{ name }] = await keptOf(prepared, lookUp)
    return JSON.stringify(await prepared.exec(`EXPLAIN EXECUTE ${name} (0)`))
  }
  expect(await planOf()).toContain('Seq Scan')
  await prepared.exec('INSERT INTO thing (id, big) SELECT n, n FROM generate_series(1, 20000) n')
  await prepared.query(lookUp, [0])
  expect(await planOf()).toContain('Seq Scan')

  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000)
  onTestFinished(() => void vi.restoreAllMocks())
  const { query, end } = await prepared.begin()
  await query(lookUp, [0])
  await expect(query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
  await query('ROLLBACK')
  end()
  await prepared.query(lookUp, [0])
  expect(await planOf()).toContain('Index')
})

test('while a transaction is open, whoever else asks waits for its end', async () => {
  const order: string[] = []
  const { query, end } = await prepared.begin('SERIALIZABLE')
  const beside = prepared
    .query<any>(read, [3])
    .then(({ rows }) => order.push(`${rows.length} rows`))
  const next = prepared.begin().then((its) => {
    order.push('the next')
    its.end()
  })
  await query(insert, values[0])
  expect((await query('SHOW transaction_isolation')).rows).toEqual([
    { transaction_isolation: 'serializable' },
  ])
  await query(insert, values[1])
  await query('COMMIT')
  order.push('committed')
  end()
  await Promise.all([beside, next])
  expect(order).toEqual(['committed', '2 rows', 'the next'])
  await expect(query(read, [3])).rejects.toThrow('the transaction has ended')
})

test('what a transaction did that ends without COMMIT is undone', async () => {
  const { query, end } = await prepared.begin()
  await query(insert, values[0])
  end()
  expect((await prepared.query(read, [3])).rows).toEqual([])
  await expect(prepared.begin('SOMETIMES')).rejects.toMatchObject({ code: '42601' })
  expect((await prepared.query(read, [3])).rows).toEqual([])
})

// PGlite itself would wait for the answer for ever, and keep the process from doing anything else.
test('what waits for its turn while the database is closed fails', async () => {
  const database = new PreparedPGlite(options)
  await database.query('SELECT 1')
  const begun = await database.begin()
  const waiting = Array.from({ length: 3 }, () => database.query('SELECT 1'))
  const closing = database.close()
  begun.end()
  const outcomes = await Promise.allSettled(waiting)
  await closing
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') expect(isDatabaseFailure(outcome.reason)).toBe(true)
  await expect(begun.query('SELECT 1')).rejects.toThrow()
  await expect(database.query('SELECT 1')).rejects.toThrow('PGlite is closed')
  await expect(database.begin()).rejects.toThrow('PGlite is closed')
})

test.each([0, 2, 4, 8])(
  'a database is closed behind the statement that runs, %i turns after it was asked',
  async (turns) => {
    const database = new PreparedPGlite(options)
    await database.waitReady
    const asked = Array.from({ length: 20 }, (_, n) => database.query(`SELECT ${n}`))
    const outcomes = Promise.allSettled(asked)
    for (let turn = 0; turn < turns; turn += 1) await undefined
    await database.close()
    const [first, ...others] = await outcomes
    expect(first?.status).toBe(turns === 0 ? 'rejected' : 'fulfilled')
    for (const outcome of others)
      if (outcome.status === 'rejected') expect(isDatabaseFailure(outcome.reason)).toBe(true)
  },
)

test('a database that is closed before it is ready is ready first', async () => {
  const database = new PreparedPGlite(options)
  await database.close()
  await expect(database.close()).rejects.toThrow('PGlite is closed')
})

test('a statement that a change has made invalid fails once, and no more', async () => {
  const all = 'SELECT * FROM thing'
  await prepared.query(all)
  await prepared.exec('ALTER TABLE thing ADD COLUMN newer text')
  await prepared.query(all).catch(() => undefined)
  const { fields } = await prepared.query(all)
  expect(fields.map(({ name }) => name)).toContain('newer')
  await prepared.exec('DEALLOCATE ALL')
  await prepared.query(all).catch(() => undefined)
  expect((await prepared.query(all)).rows).toEqual([])
})

test('a table that has grown is analyzed, as autovacuum would, and one that has not is left alone', async () => {
  const rowsKnown = async (): Promise<number> => {
    const { rows } = await prepared.query<{ reltuples: number }>(
      `SELECT reltuples FROM pg_class WHERE relname = 'thing'`,
    )
    return rows[0]?.reltuples ?? 0
  }
  const add = (from: number, to: number) =>
    prepared.query('INSERT INTO thing (id) SELECT i FROM generate_series($1::int, $2::int) i', [
      from,
      to,
    ])
  await add(1, 10)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await rowsKnown()).toBe(-1)
  await add(11, 200)
  await vi.waitFor(async () => expect(await rowsKnown()).toBe(200))
  // A fifth of it is more than what is looked at.
  await add(201, 220)
  await add(221, 2_000)
  await vi.waitFor(async () => expect(await rowsKnown()).toBe(2_000))
})
