import { seed } from '../../setup/seed.ts'
import { createWorld } from '../../setup/world.ts'

/** A workspace with two spaces and a machine user, who is ADMIN, to import keys for. */
export async function createFurnishedWorld() {
  const world = await createWorld()
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  return { world, workspace, make, spaces, robot }
}
