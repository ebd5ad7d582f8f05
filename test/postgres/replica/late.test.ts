import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attempt } from '../../modules/api-key/ask.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { serverBeside, waitingForEver } from './servers.ts'

let statements: Statements
let world: World
// Their changes do not wait for each other.
const workspaces: TestWorkspace[] = []

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  for (let count = 0; count < 2; count += 1) workspaces.push(await world.createWorkspace())
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

// It was not asked with the commits. Waited for in vain, it would be taken for silent after the second.
test('a server that joins just after changes were committed is not waited for in vain', async () => {
  waitingForEver()
  const bothCommitted = Promise.withResolvers<void>()
  const joined = bothCommitted.promise.then(() => serverBeside(world))
  let committed = 0
  statements.answering = async (text) => {
    if (text !== 'COMMIT') return
    committed += 1
    if (committed === workspaces.length) bothCommitted.resolve()
    if (committed <= workspaces.length) await joined
  }
  const changes = workspaces.map(async ({ secret }) => {
    const { codes } = await attempt(world, secret, 'createScope', { name: randomUUID() })
    expect(codes).toEqual([])
  })
  await Promise.all(changes)
})
