import { beforeEach, expect, test } from 'vitest'
import { exchange } from '../oauth/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { changePlan, cheap, limitTo, toldLimits } from './ask.ts'

let workspace: TestWorkspace
let key: { id: string; secret: string }

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  key = await seed(world, workspace.secret).key({ name: 'key', requestsPerMinute: 5 })
})

/** The status, and each limit with what remains of it. */
async function ask(secret = key.secret): Promise<unknown[]> {
  const { status, headers } = await world.gql(secret, cheap)
  const told = Object.values(toldLimits(headers)).map(({ limit, remaining }) => [remaining, limit])
  return [status, ...told]
}

test('another plan counts from the next request on, with what was used before', async () => {
  await limitTo(world, workspace, 10)
  for (let count = 1; count <= 3; count += 1) await ask(workspace.secret)
  await limitTo(world, workspace, 4)
  expect(await ask(workspace.secret)).toEqual([200, [0, 4], [0, 4]])
  expect(await ask(workspace.secret)).toEqual([429, [0, 4], [0, 4]])
  await limitTo(world, workspace, 2)
  expect(await ask(workspace.secret)).toEqual([429, [0, 2], [0, 2]])
  await changePlan(world, workspace, 'pro')
  expect(await ask(workspace.secret)).toEqual([200, [2_995, 3_000], [2_995, 3_000]])
  // What is used while nothing is limited is not counted.
  await limitTo(world, workspace)
  expect(await ask(workspace.secret)).toEqual([200])
  await changePlan(world, workspace, 'business')
  expect(await ask(workspace.secret)).toEqual([200, [5_994, 6_000], [5_994, 6_000]])
})

test('another own limit counts from the next request on, with what was used before', async () => {
  const token = await exchange(world, key)
  const limitKey = (requestsPerMinute: number | null) =>
    done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
      id: key.id,
      requestsPerMinute,
    })
  expect(await ask()).toEqual([200, [3, 5]])
  await limitKey(2)
  expect(await ask(token)).toEqual([429, [0, 2]])
  await limitKey(4)
  expect(await ask(token)).toEqual([200, [1, 4]])
  await limitKey(0)
  expect(await ask()).toEqual([429, [0, 0]])
  await limitKey(null)
  expect(await ask()).toEqual([200])
  await limitTo(world, workspace, 7)
  expect(await ask()).toEqual([200, [3, 7], [6, 7]])
})
