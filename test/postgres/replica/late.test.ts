import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
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
afterEach(() => {
  statements.answering = () => undefined
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

async function change({ secret }: TestWorkspace): Promise<void> {
  const { codes } = await attempt(world, secret, 'createScope', { name: randomUUID() })
  expect(codes).toEqual([])
}

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
  await Promise.all(workspaces.map(change))
})

test('a change waits no longer where it cannot be found out whom to wait for', async () => {
  const workspace = await world.createWorkspace()
  const found = Promise.withResolvers<void>()
  let looked = 0
  statements.answering = async (text) => {
    if (!/^SELECT .*"Replica"/.test(text)) return
    looked += 1
    await found.promise
  }
  const began = performance.now()
  await change(workspace)
  expect(performance.now() - began).toBeGreaterThan(990)
  expect(looked).toBe(1)
  found.resolve()
})
