import { afterAll, beforeAll, expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import { type Statements, watchStatements, writesUsage } from '../../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { importKeys, legacyKey } from './ask.ts'

let world: World
let workspace: TestWorkspace
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

// Time must grow with what is stored, and not with one more trip to the database for each key.
test('an import takes as many statements for a hundred keys as for one', async () => {
  const make = seed(world, workspace.secret)
  const spaceIds = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  const robot = await make.machine({ name: 'Robot', role: 'MEMBER', spaceIds })
  const grants = { permissions: ['agents:read'], spaceIds }
  const known = [legacyKey(robot.userId, grants), legacyKey(robot.userId, grants)]
  const counts: number[] = []
  for (const many of [1, 1, 100]) {
    const fresh = Array.from({ length: many }, (_, index) =>
      legacyKey(index % 2 === 0 ? robot.userId : workspace.ownerId, grants),
    )
    const from = statements.sent.length
    const { results } = await importKeys(world, workspace.secret, [...known, ...fresh], {
      selection: 'name spaces { spaceId } effectivePermissions',
    })
    expect(new Set(results.flat())).toEqual(new Set(['imported']))
    const sent = statements.sent.slice(from)
    counts.push(sent.filter((text) => !writesUsage(text)).length)
  }
  // Whatever a first import sets up is not counted.
  const [, few, many] = counts
  expect(many).toBe(few)
})
