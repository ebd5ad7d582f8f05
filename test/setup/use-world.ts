import { afterAll, beforeAll } from 'vitest'
import { seed } from './seed.ts'
import { createWorld, type TestWorkspace, type World, type WorldOptions } from './world.ts'

// The files of one process run one after the other: what is exported is that of the file that runs.

/** The application that the tests of a file with `useWorld` share. */
export let world: World

/** The workspace that the tests of a file with `useWorkspace` share. */
export let workspace: TestWorkspace

/** Makes things in that workspace, as its owner. */
export let make: ReturnType<typeof seed>

/** The file's tests share one application, on a database of its own. */
export function useWorld(options?: WorldOptions): void {
  beforeAll(async () => {
    world = await createWorld(options)
  })
  afterAll(() => world.close())
}

/** As `useWorld`, with one workspace. */
export function useWorkspace(options?: WorldOptions): void {
  useWorld(options)
  beforeAll(async () => {
    workspace = await world.createWorkspace()
    make = seed(world, workspace.secret)
  })
}
