import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { ConfigError } from '../../src/errors.ts'
import { unwatched } from '../setup/database.ts'
import { createPostgres, type PostgresDatabase } from '../setup/postgres.ts'
import { type TcpProxy, tcpProxy } from '../setup/tcp-proxy.ts'

let server: PostgresDatabase
let proxy: TcpProxy
let database: Database
let heard: Error[]

beforeEach(async () => {
  server = await createPostgres('migrated')
  proxy = await tcpProxy(server.url)
  heard = []
  database = await openDatabase({
    databaseUrl: proxy.url,
    ...unwatched,
    onConnectionError: (error) => heard.push(error),
  })
})

afterEach(async () => {
  await proxy.close()
  await database.close()
  await server.drop()
})

const name = 'counter'

/** As many connections as the pool has, each in a transaction that has `begun` and waits until `go`. */
function transactions(go: Promise<void>): {
  begun: Promise<unknown>
  over: Promise<PromiseSettledResult<void>[]>
} {
  const begun = Array.from({ length: 10 }, () => Promise.withResolvers<void>())
  const each = (_: unknown, index: number): Promise<void> =>
    database.prisma.$transaction(
      async (tx) => {
        await tx.setting.create({ data: { name: `${name} ${index}`, value: '' } })
        begun[index]?.resolve()
        await go
        await tx.setting.update({ where: { name: `${name} ${index}` }, data: { value: 'done' } })
      },
      { maxWait: 30_000, timeout: 30_000 },
    )
  return {
    begun: Promise.all(begun.map(({ promise }) => promise)),
    over: Promise.allSettled(Array.from({ length: 10 }, each)),
  }
}

/** From now on time passes for what waits for it by what this gives alone. */
function stoppedTime(): (seconds: number) => Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  return async (seconds) => {
    for (let passed = 0; passed < seconds; passed += 1) await vi.advanceTimersByTimeAsync(1_000)
  }
}

test('a server that dies fails what was under way, whole, and is used again once it is back', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const { begun, over } = transactions(go)
  await begun
  proxy.cut()
  resolve()
  expect((await over).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
  await expect(database.prisma.setting.count()).rejects.toThrow()

  proxy.mend()
  expect(await database.prisma.setting.count()).toBe(0)
  const again = await transactions(Promise.resolve()).over
  expect(again.map(({ status }) => status)).toEqual(Array(10).fill('fulfilled'))
})

test('a server that dies while nobody asks anything ends no process, and is told', async () => {
  await transactions(Promise.resolve()).over
  expect(heard).toEqual([])
  proxy.cut()
  while (heard.length === 0) await sleep(5)
  proxy.mend()
  expect(await database.prisma.setting.count()).toBe(10)
})

test('a server that hangs is waited for, but not for ever, and not again once it is back', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const { begun, over } = transactions(go)
  await begun
  const pass = stoppedTime()
  proxy.hang()
  resolve()
  await pass(25)
  expect((await over).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))

  proxy.mend()
  expect(await database.prisma.setting.count()).toBe(0)
  // What was told to have failed is in no transaction that others would commit.
  const others = Array.from({ length: 10 }, (_, index) =>
    database.prisma.$transaction([
      database.prisma.setting.create({ data: { name: `other ${index}`, value: '' } }),
    ]),
  )
  await Promise.all(others)
  expect(await database.prisma.setting.count()).toBe(10)
})

test('requests over connections that are lost for good fail once a query has had its time', async () => {
  await transactions(Promise.resolve()).over
  const pass = stoppedTime()
  proxy.hang()
  const counts = Array.from({ length: 10 }, () => database.prisma.setting.count())
  const lost = Promise.allSettled(counts)
  await pass(15)
  expect((await lost).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
})

test('a start without a server ends with one line that keeps the password', async () => {
  const start = (url: string): Promise<Database> => openDatabase({ databaseUrl: url, ...unwatched })
  proxy.cut()
  for (const host of [new URL(proxy.url).host, 'localhost:1']) {
    const failed = start(`postgresql://app:pa55word@${host}/latchkey`)
    await expect(failed).rejects.toThrow(ConfigError)
    await expect(failed).rejects.toThrow(/^DATABASE_URL leads to no database: \S[^\n]+$/)
    await expect(failed).rejects.not.toThrow('pa55word')
  }
})
