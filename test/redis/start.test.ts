import { expect, test } from 'vitest'
import { createFolder, freePort, latchkey, startServer, stop } from '../process/program.ts'
import { readMetrics } from '../setup/metrics.ts'
import { ownRedis } from './own-redis.ts'

const upOf = async (url: string): Promise<number | undefined> =>
  readMetrics(await (await fetch(`${url}/metrics`)).text()).get('latchkey_redis_up')

/** One that refuses connections, and one that takes them and says nothing. */
const urls = {
  away: async () => `redis://:pa55word@127.0.0.1:${await freePort()}`,
  hanging: async () => {
    const redis = await ownRedis()
    await redis.start()
    redis.hang()
    return redis.url
  },
}

test.each(Object.entries(urls))(
  'with Redis %s a server starts, serves and stops',
  async (_, url) => {
    const settings = { DATA_DIR: await createFolder(), REDIS_URL: await url() }
    const server = await startServer(settings)
    expect(await upOf(server.url)).toBe(0)
    const answer = await server.gql(server.printedKeys[0] ?? '', '{ viewer { kind } }')
    expect(answer).toMatchObject({ status: 200 })
    expect(await stop(server)).toBe(0)
    expect(server.output.stderr.match(/Redis is away/g)).toHaveLength(1)
    expect(server.output.stderr).not.toContain('pa55word')
    expect(await latchkey(['bootstrap', 'main'], settings)).toMatchObject({ code: 0 })
  },
)

test('with Redis a server is connected before its first request', async () => {
  const redis = await ownRedis()
  await redis.start()
  const server = await startServer({ DATA_DIR: await createFolder(), REDIS_URL: redis.url })
  expect(await upOf(server.url)).toBe(1)
  expect(await stop(server)).toBe(0)
})
