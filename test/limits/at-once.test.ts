import { afterAll, beforeAll } from 'vitest'
import { createWorld, type World } from '../setup/world.ts'
import { limitsAtOnce } from './at-once.ts'

let world: World

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

limitsAtOnce(() => world)
