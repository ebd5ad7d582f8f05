import { limitsAtOnce } from '../limits/at-once.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { testRedisUrl } from './test-redis.ts'

useWorld({ limits: { redisUrl: testRedisUrl() } })

limitsAtOnce(() => world)
