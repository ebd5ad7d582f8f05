import { afterAll, beforeAll } from 'vitest'
import { limitsAtOnce } from '../limits/at-once.ts'
import { createWorld, type World } from '../setup/world.ts'
import { testRedisUrl } from './test-redis.ts'

let world: World

beforeAll(async () => {
  world = await createWorld({ limits: { redisUrl: testRedisUrl() } })
})
afterAll(() => world.close())

limitsAtOnce(() => world)
