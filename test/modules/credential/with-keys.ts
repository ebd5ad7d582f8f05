import { seed } from '../../setup/seed.ts'
import { createWorld } from '../../setup/world.ts'

/** A workspace, and keys of its owner by names that nobody asks for. */
export async function createWorldWithKeys() {
  const world = await createWorld()
  const workspace = await world.createWorkspace()
  let count = 0
  const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
    seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })
  return { world, workspace, makeKey }
}
