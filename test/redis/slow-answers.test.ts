import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openRedis } from '../../src/limits/redis.ts'
import { testRedisUrl } from './test-redis.ts'

vi.setConfig({ testTimeout: 60_000 })

/** A way to Redis on which, once it is slow, ten bytes come in a second: it is never silent for long. */
async function slowWay() {
  const way = { isSlow: false, url: '' }
  const target = new URL(testRedisUrl())
  async function* slowly(answers: AsyncIterable<Buffer>) {
    for await (const piece of answers)
      for (const byte of piece) {
        if (way.isSlow) await sleep(100)
        yield Uint8Array.of(byte)
      }
  }
  const server = createServer((near) => {
    const far = connect(Number(target.port || 6379), target.hostname)
    pipeline(near, far, () => undefined)
    pipeline(far, slowly, near, () => undefined)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  way.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  return way
}

// docs/operations.md: the requests of that second wait, those after it do not.
test('a Redis that answers without a pause, but slowly, is away after a second', async () => {
  const way = await slowWay()
  const redis = await openRedis(way.url, pino({ level: 'silent' }))
  onTestFinished(() => redis.close())
  await vi.waitFor(() => expect(redis.isUp()).toBe(true), { timeout: 10_000 })
  const ask = () =>
    redis.ask(
      () => redis.client.ping(),
      () => 'in process',
    )
  way.isSlow = true
  const answers = await Promise.all(Array.from({ length: 20 }, ask))
  expect(answers.at(-1)).toBe('in process')
  expect(await ask()).toBe('in process')
})
