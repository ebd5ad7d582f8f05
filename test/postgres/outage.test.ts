import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { SettingError } from '../../src/env.ts'
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

/** As many connections as the pool has, each in a transaction that waits until `go`. */
function transactions(go: Promise<void>): Promise<PromiseSettledResult<void>[]> {
  const each = (_: unknown, index: number): Promise<void> =>
    database.prisma.$transaction(
      async (tx) => {
        await tx.setting.create({ data: { name: `${name} ${index}`, value: '' } })
        await go
        await tx.setting.update({ where: { name: `${name} ${index}` }, data: { value: 'done' } })
      },
      { timeout: 30_000 },
    )
  return Promise.allSettled(Array.from({ length: 10 }, each))
}

async function untilConnections(count: number): Promise<void> {
  while (proxy.connections() < count) await sleep(5)
  await sleep(100)
}

test('a server that dies fails what was under way, whole, and is used again once it is back', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const under = transactions(go)
  await untilConnections(10)
  proxy.cut()
  resolve()
  expect((await under).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
  await expect(database.prisma.setting.count()).rejects.toThrow()

  proxy.mend()
  expect(await database.prisma.setting.count()).toBe(0)
  const again = await transactions(Promise.resolve())
  expect(again.map(({ status }) => status)).toEqual(Array(10).fill('fulfilled'))
})

test('a server that dies while nobody asks anything ends no process, and is told', async () => {
  await transactions(Promise.resolve())
  expect(heard).toEqual([])
  proxy.cut()
  while (heard.length === 0) await sleep(5)
  proxy.mend()
  expect(await database.prisma.setting.count()).toBe(10)
})

test('a server that hangs is waited for, but not for ever, and not again once it is back', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  const under = transactions(go)
  await untilConnections(10)
  proxy.hang()
  resolve()
  const started = performance.now()
  expect((await under).map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
  expect(performance.now() - started).toBeLessThan(25_000)

  proxy.mend()
  const back = performance.now()
  await database.prisma.setting.count()
  expect(performance.now() - back).toBeLessThan(2_000)
}, 60_000)

test('requests over connections that are lost for good fail once a query has had its time', async () => {
  await transactions(Promise.resolve())
  proxy.hang()
  const started = performance.now()
  const lost = await Promise.allSettled(
    Array.from({ length: 10 }, () => database.prisma.setting.count()),
  )
  expect(lost.map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
  expect(performance.now() - started).toBeLessThan(15_000)
}, 60_000)

test('a start without a server ends with one line that keeps the password', async () => {
  const start = (url: string): Promise<Database> => openDatabase({ databaseUrl: url, ...unwatched })
  proxy.cut()
  for (const host of [new URL(proxy.url).host, 'localhost:1']) {
    const failed = start(`postgresql://app:pa55word@${host}/latchkey`)
    await expect(failed).rejects.toThrow(SettingError)
    await expect(failed).rejects.toThrow(/^DATABASE_URL leads to no database: \S[^\n]+$/)
    await expect(failed).rejects.not.toThrow('pa55word')
  }
})
