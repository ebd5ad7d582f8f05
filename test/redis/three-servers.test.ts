import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { passedAtOnce } from '../limits/at-once.ts'
import { latchkey, type RunningServer, startServer } from '../process/program.ts'
import { readMetrics, unanswered } from '../setup/metrics.ts'
import { createPostgres } from '../setup/postgres.ts'
import { ownRedis } from './own-redis.ts'

const query = '{ viewer { kind } }'

async function startThree() {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const redis = await ownRedis()
  await redis.start()
  const settings = {
    DATABASE_URL: url,
    REDIS_URL: redis.url,
    SECRETS_KEY: 'a key for tests, long enough to be one',
  }
  const first = await startServer(settings)
  const others = await Promise.all([startServer(settings), startServer(settings)])
  return { redis, settings, servers: [first, ...others], owner: first.printedKeys[0] ?? '' }
}

const unansweredBy = async (servers: readonly RunningServer[]): Promise<number> => {
  const counts = servers.map(async ({ url }) =>
    unanswered(readMetrics(await (await fetch(`${url}/metrics`)).text())),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

// What a single server counts right could be three times too much where several share the work.
test('three servers together let exactly as many requests pass as a limit says', async () => {
  const { redis, settings, servers, owner } = await startThree()
  const [first] = servers
  if (first === undefined) throw new Error('no server')
  const { data } = await first.gql(owner, '{ workspace { id slug } }')
  const { id, slug } = data.workspace
  let count = 0
  const newKey = async (): Promise<string> => {
    const input = `{ name: "Limited ${++count}", requestsPerMinute: 50 }`
    const made = await first.gql(owner, `mutation { createApiKey(input: ${input}) { secret } }`)
    return made.data.createApiKey.secret
  }
  const ask = async (secret: string, index: number) => {
    const server = servers[index % servers.length] ?? first
    return await server.gql(secret, query)
  }
  const unansweredSoFar = (): Promise<number> => unansweredBy(servers)

  const byKey = passedAtOnce(async () => ({ secrets: [await newKey()], ask }), unansweredSoFar)
  expect(await byKey).toBe(50)

  // As on a machine that has other things to do: each answer is late.
  const byKeyLate = passedAtOnce(async () => {
    const secrets = [await newKey()]
    redis.hang()
    setTimeout(redis.resume, 200)
    return { secrets, ask }
  }, unansweredSoFar)
  expect(await byKeyLate).toBe(50)

  const secrets = [await newKey(), await newKey(), await newKey(), await newKey()]
  const plan = ['workspace', 'plan', slug, 'enterprise', '--requests-per-minute', '50']
  expect(await latchkey(plan, settings)).toMatchObject({ code: 0 })
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  const byWorkspace = passedAtOnce(async () => {
    const counters = await client.keys(`latchkey:{${id}}:*`)
    if (counters.length > 0) await client.del(counters)
    return { secrets, ask }
  }, unansweredSoFar)
  expect(await byWorkspace).toBe(50)
})
