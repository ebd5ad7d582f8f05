import { randomInt } from 'node:crypto'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { createLimits } from '../../src/limits/limits.ts'
import { createMetrics } from '../../src/metrics.ts'
import { askOver } from '../modules/api-key/second-app.ts'
import { eventually } from '../setup/eventually.ts'
import { metricsOf } from '../setup/metrics.ts'
import { secondServer } from '../setup/second-server.ts'
import { done, seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { ownRedis } from './own-redis.ts'
import { testRedisUrl } from './test-redis.ts'

const limit = 60
const query = '{ viewer { kind } }'
const introspection = '{ __schema { queryType { name } } }'

/** One that no other run uses. */
const newAddress = (): string => `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`

async function server(redisUrl: string): Promise<World> {
  const world = await createWorld({ limits: { redisUrl } })
  onTestFinished(() => world.close())
  return world
}

const statusOf = async (world: World, secret: string | null, address: string): Promise<number> =>
  (await world.gql(secret, secret === null ? introspection : query, undefined, { address })).status

const guess = (world: World, address: string): Promise<number> =>
  statusOf(world, createApiKeySecret('lk'), address)

test('failures at several servers count together, and each knows its own good secrets', async () => {
  const [one, other] = [await server(testRedisUrl()), await server(testRedisUrl())]
  const address = newAddress()
  const { secret } = await one.createWorkspace()
  expect(await statusOf(one, secret, address)).toBe(200)
  for (let time = 0; time < limit; time++)
    expect(await guess(time % 2 === 0 ? one : other, address)).toBe(401)
  expect(await guess(one, address)).toBe(429)
  expect(await guess(other, address)).toBe(429)
  expect(await statusOf(one, secret, address)).toBe(200)
  expect(await guess(other, newAddress())).toBe(401)
})

// Behind one NAT is a whole company, and a server that has just started knows none of its keys.
test('failures at one server do not keep a good key out of another one that has not seen it', async () => {
  const redisUrl = testRedisUrl()
  const one = await server(redisUrl)
  const { logger } = one.deps
  const limits = await createLimits({ redisUrl, logger, metrics: createMetrics() })
  const second = await secondServer(one.deps)
  onTestFinished(async () => {
    limits.close()
    await second.close()
  })
  const other = { ...one, ...askOver({ ...second.deps, limits }) }
  const { secret } = await one.createWorkspace()
  const address = newAddress()
  for (let time = 0; time < limit; time++)
    expect(await statusOf(one, 'typed wrongly', address)).toBe(401)
  expect(await statusOf(other, 'typed wrongly', address)).toBe(429)
  expect(await guess(other, address)).toBe(429)
  expect(await statusOf(other, secret, address)).toBe(200)
})

test('introspections without a secret count together, also at once', async () => {
  const [one, other] = [await server(testRedisUrl()), await server(testRedisUrl())]
  const address = newAddress()
  const statuses = await Promise.all(
    Array.from({ length: 100 }, (_, time) => statusOf(time % 2 === 0 ? one : other, null, address)),
  )
  expect(statuses.filter((status) => status === 200)).toHaveLength(limit)
  expect(statuses.filter((status) => status === 429)).toHaveLength(100 - limit)
})

test('without Redis each server counts on from what it was last told', async () => {
  const redis = await ownRedis()
  await redis.start()
  const world = await server(redis.url)
  const address = newAddress()
  const counted = limit / 2
  for (let time = 0; time < counted; time++) expect(await guess(world, address)).toBe(401)
  await redis.kill()
  await eventually(async () =>
    expect((await metricsOf(world.app)).get('latchkey_redis_up')).toBe(0),
  )
  for (let time = counted; time < limit; time++) expect(await guess(world, address)).toBe(401)
  expect(await guess(world, address)).toBe(429)
  for (let time = 0; time < limit; time++) expect(await statusOf(world, null, address)).toBe(200)
  expect(await statusOf(world, null, address)).toBe(429)
})

/** Every command that is sent to it from now on. */
async function watch(url: string): Promise<string[]> {
  const monitor = await new Redis(url, { lazyConnect: true }).monitor()
  onTestFinished(() => monitor.disconnect())
  const commands: string[] = []
  monitor.on('monitor', (_time: string, command: string[]) => commands.push(command.join(' ')))
  return commands
}

// Redis is shared, often without a password: whoever reads it must learn nothing that opens anything.
test('no secret and no digest of one is sent to Redis', async () => {
  const redis = await ownRedis()
  await redis.start()
  const commands = await watch(redis.url)
  const world = await server(redis.url)
  const workspace = await world.createWorkspace()
  const { id, secret } = await seed(world, workspace.secret).key({
    name: 'Limited',
    requestsPerMinute: 100,
  })
  const { token } = await done(world, secret, 'createAccessToken', 'token', {})
  const address = newAddress()
  const unknown = createApiKeySecret('lk')
  const secrets = [secret, token, unknown, 'no key at all']
  for (const presented of secrets) await statusOf(world, presented, address)
  await statusOf(world, null, address)

  await eventually(() => expect(commands.join('\n')).toContain(`introspections:${address}`))
  const sent = commands.join('\n')
  expect(sent).toContain(`latchkey:{${workspace.id}}:${id}`)
  expect(sent).toContain(`failed-attempts:|${address}`)
  for (const presented of secrets) {
    expect(sent).not.toContain(presented)
    const digest = Buffer.from(hashSecret(presented))
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(sent).not.toContain(digest.toString(encoding))
  }
})

// Its requests are as fast as without limits, and fail for nothing that others try.
test('for a secret that was good before nothing is asked of Redis', async () => {
  const redis = await ownRedis()
  await redis.start()
  const world = await server(redis.url)
  const { secret } = await world.createWorkspace()
  const address = newAddress()
  expect(await statusOf(world, secret, address)).toBe(200)
  const commands = await watch(redis.url)
  for (let time = 0; time < 10; time++)
    expect(await statusOf(world, secret, newAddress())).toBe(200)
  expect(await guess(world, address)).toBe(401)
  await eventually(() => expect(commands.join('\n')).toContain(address))
  const asked = commands.filter((command) => command.includes('failed-attempts'))
  expect(asked.filter((command) => !command.includes(address))).toEqual([])
})
