import { addHuman, type Human } from '../setup/human.ts'
import { seed } from '../setup/seed.ts'
import { createWorld } from '../setup/world.ts'

/** A workspace with the three spaces that generated keys name, the first open, and a machine user. */
export async function createGeneratedWorld() {
  const world = await createWorld()
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaceIds = [
    await make.space({ name: 'A', visibility: 'OPEN' }),
    await make.space({ name: 'B' }),
    await make.space({ name: 'C' }),
  ]
  const { userId: robot } = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const people = new Map<string, Human>()
  /** The one person of that role. */
  const personOf = async (role: string): Promise<Human> => {
    const human = people.get(role) ?? (await addHuman(world, workspace, role))
    people.set(role, human)
    return human
  }
  return { world, workspace, spaceIds, robot, personOf }
}
