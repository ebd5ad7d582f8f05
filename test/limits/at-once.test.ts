import { useWorld, world } from '../setup/use-world.ts'
import { limitsAtOnce } from './at-once.ts'

useWorld()

limitsAtOnce(() => world)
