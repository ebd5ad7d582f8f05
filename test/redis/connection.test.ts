import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openRedis } from '../../src/limits/redis.ts'
import { freePort } from '../process/program.ts'
import { eventually } from '../setup/eventually.ts'
import { type TcpProxy, tcpProxy } from '../setup/tcp-proxy.ts'
import { ownRedis } from './own-redis.ts'
import { testRedisUrl } from './test-redis.ts'

/** A connection that goes with the test, and the messages that it has logged. */
async function connect(url: string) {
  const logs: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logs.push(line) })
  const redis = await openRedis(url, logger)
  onTestFinished(() => redis.close())
  return {
    redis,
    logs,
    told: () => logs.map((line) => String(JSON.parse(line).msg).split(':')[0]),
    /** Who answers. */
    ask: () =>
      redis.ask(
        () => redis.client.ping(),
        () => Promise.resolve('in process'),
      ),
  }
}

async function proxied(): Promise<TcpProxy> {
  const proxy = await tcpProxy(testRedisUrl())
  onTestFinished(() => proxy.close())
  return proxy
}

const answers = (ask: () => Promise<string>, who: string): Promise<void> =>
  eventually(async () => expect(await ask()).toBe(who))

test('it is there from the first request on', async () => {
  const { redis, ask, told } = await connect(testRedisUrl())
  expect(redis.isUp()).toBe(true)
  await answers(ask, 'PONG')
  expect(told()).toEqual([])
})

test('without Redis it opens all the same, and finds it when it comes', async () => {
  const server = await ownRedis()
  const { redis, ask, told } = await connect(server.url)
  expect(redis.isUp()).toBe(false)
  expect(await ask()).toBe('in process')
  await server.start()
  await answers(ask, 'PONG')
  expect(told()).toEqual(['Redis is away', 'Redis is back'])
})

test('a start waits for a Redis that hangs no longer than a second', async () => {
  const server = await ownRedis()
  await server.start()
  server.hang()
  const { redis, ask } = await connect(server.url)
  expect(redis.isUp()).toBe(false)
  expect(await ask()).toBe('in process')
})

// Of requests that come while it hangs none waits, but those that asked before it was known.
test('one that hangs is not asked again until it answers, and each change is told once', async () => {
  const proxy = await proxied()
  const { redis, ask, told } = await connect(proxy.url)
  await answers(ask, 'PONG')
  proxy.hang()
  const first = await Promise.all(Array.from({ length: 20 }, ask))
  expect(new Set(first)).toEqual(new Set(['in process']))
  const command = vi.spyOn(redis.client, 'ping')
  for (let times = 0; times < 100; times++) expect(await ask()).toBe('in process')
  expect(command).not.toHaveBeenCalled()
  proxy.mend()
  await answers(ask, 'PONG')
  expect(told()).toEqual(['Redis is away', 'Redis is back'])
})

// No packet tells that the other side has gone: without an end of its own the connection would hang
// for a quarter of an hour.
test('a connection on which nothing is answered is given up for a new one', async () => {
  const proxy = await proxied()
  const { redis, ask } = await connect(proxy.url)
  await answers(ask, 'PONG')
  proxy.hang()
  const closed = new Promise((resolve) => redis.client.once('close', resolve))
  await ask()
  await closed
  proxy.mend()
  await answers(ask, 'PONG')
})

test('one that never says a word is given up as well', async () => {
  const proxy = await proxied()
  proxy.hang()
  const { redis, ask } = await connect(proxy.url)
  await new Promise((resolve) => redis.client.once('close', resolve))
  proxy.mend()
  await answers(ask, 'PONG')
})

test('a connection that is cut is made anew, and what was asked on it is answered at once', async () => {
  const proxy = await proxied()
  const { ask, told } = await connect(proxy.url)
  for (let times = 1; times <= 3; times++) {
    await answers(ask, 'PONG')
    const asked = Array.from({ length: 20 }, ask)
    proxy.cut()
    for (const answer of await Promise.all(asked)) expect(answer).toMatch(/PONG|in process/)
    expect(await ask()).toBe('in process')
    proxy.mend()
  }
  await answers(ask, 'PONG')
  expect(told()).toEqual(Array.from({ length: 3 }, () => ['Redis is away', 'Redis is back']).flat())
})

// For longer than Redis has for an answer: it lies in the socket, unread, when the time is up.
test('an event loop that was blocked is no Redis that is away', async () => {
  const { ask, told } = await connect(testRedisUrl())
  await answers(ask, 'PONG')
  const before = told().length
  const asked = ask()
  const until = performance.now() + 1_500
  while (performance.now() < until);
  expect(await asked).toBe('PONG')
  expect(told()).toHaveLength(before)
})

// As the old primary of a failover: it answers, and what is charged to it is lost.
test('a Redis that takes no writes is away until it does, and each is told once', async () => {
  const server = await ownRedis(['--replicaof', `127.0.0.1 ${await freePort()}`])
  await server.start()
  const { redis, ask, told } = await connect(server.url)
  expect(redis.isUp()).toBe(false)
  await sleep(2_500)
  expect(redis.isUp()).toBe(false)
  expect(told()).toEqual(['Redis is away'])
  const admin = new Redis(server.url)
  onTestFinished(() => admin.disconnect())
  await admin.replicaof('NO', 'ONE')
  await answers(ask, 'PONG')
  expect(told()).toEqual(['Redis is away', 'Redis is back'])
})

test('a primary that becomes a replica while it is connected is given up', async () => {
  const server = await ownRedis()
  await server.start()
  const { redis, told } = await connect(server.url)
  const admin = new Redis(server.url)
  onTestFinished(() => admin.disconnect())
  const write = () =>
    redis.ask(
      () => redis.client.set('key', 'value'),
      () => 'in process',
    )
  expect(await write()).toBe('OK')
  await admin.replicaof('127.0.0.1', await freePort())
  expect(await write()).toBe('in process')
  await eventually(() => expect(redis.isUp()).toBe(false))
  await admin.replicaof('NO', 'ONE')
  await answers(write, 'OK')
  expect(told()).toEqual(['Redis refused a command', 'Redis is away', 'Redis is back'])
})

test('a command that Redis refuses is done in process, and the connection goes on', async () => {
  const { redis, ask, told } = await connect(testRedisUrl())
  await answers(ask, 'PONG')
  const id = await redis.client.client('ID')
  const refused = redis.ask(
    () => redis.client.eval('return redis.call("NO SUCH COMMAND")', 0),
    () => 'in process',
  )
  expect(await Promise.all([ask(), refused, ask()])).toEqual(['PONG', 'in process', 'PONG'])
  // After the probe, which is asked on the same connection.
  expect(await redis.client.client('ID')).toBe(id)
  expect(redis.isUp()).toBe(true)
  expect(told()).toEqual(['Redis refused a command'])
})

test('the password opens it, and a wrong one is in no log', async () => {
  const server = await ownRedis(['--requirepass', 'right/pa55word'])
  await server.start()
  const withPassword = (password: string): string =>
    server.url.replace('//', `//:${encodeURIComponent(password)}@`)
  expect((await connect(withPassword('right/pa55word'))).redis.isUp()).toBe(true)
  const { redis, logs } = await connect(withPassword('wrong/pa55word'))
  expect(redis.isUp()).toBe(false)
  expect(logs.join()).toContain('WRONGPASS')
  expect(logs.join()).not.toContain('pa55word')
})

test('closing ends it whatever state it is in, without a word', async () => {
  const proxy = await proxied()
  const open = await connect(proxy.url)
  const hung = await connect(proxy.url)
  const away = await connect(`redis://127.0.0.1:${await freePort()}`)
  proxy.hang()
  for (const { redis, ask, logs } of [open, hung, away]) {
    if (redis === hung.redis) await ask()
    const before = logs.length
    redis.close()
    expect(await ask()).toBe('in process')
    await sleep(200)
    expect(logs).toHaveLength(before)
  }
  proxy.mend()
  await eventually(() => expect(proxy.connections()).toBe(0))
})
