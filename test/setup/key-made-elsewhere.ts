import { randomUUID } from 'node:crypto'
import { createLimits } from '../../src/limits/limits.ts'
import { createMetrics } from '../../src/metrics.ts'
import { askOver } from '../modules/api-key/second-app.ts'
import { seed } from './seed.ts'
import type { TestWorkspace, World } from './world.ts'

/** Another server over the same database: what it makes, this one has never seen. */
export async function serverElsewhere(world: World): Promise<World> {
  const limits = await createLimits({ logger: world.deps.logger, metrics: createMetrics() })
  return { ...world, ...askOver({ ...world.deps, limits }) }
}

/** The secret of a key that another server has made. */
export async function keyMadeElsewhere(
  world: World,
  { secret }: TestWorkspace,
  input: object = {},
): Promise<string> {
  const elsewhere = await serverElsewhere(world)
  return (await seed(elsewhere, secret).key({ name: randomUUID(), ...input })).secret
}
