import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Prisma } from '../../../src/generated/prisma/client.ts'
import { newId } from '../../../src/ids.ts'
import { insertSession } from '../../auth/insert-session.ts'
import { eventually } from '../../setup/eventually.ts'
import { addHuman } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

type Row = Pick<Prisma.RunCreateManyInput, 'input' | 'output' | 'status'> & { createdById?: string }

const insertRuns = (sessionId: string, rows: readonly Row[]) =>
  it.world.deps.prisma.run.createMany({
    data: rows.map((row) => ({
      createdById: it.workspace.ownerId,
      ...row,
      workspaceId: it.workspace.id,
      id: newId('run'),
      sessionId,
      agentVersion: 1,
      createdAt: new Date(),
      leaseExpiresAt: row.status === 'RUNNING' ? new Date(Date.now() + 60_000) : null,
    })),
  })

const ask = (input: object) =>
  outcome(it.world, it.workspace.secret, 'runAgent', { input: 'Hello', ...input })

const running = (createdById: string): Row => ({ input: 'in', status: 'RUNNING', createdById })

const endAll = (sessionId: string) =>
  it.world.deps.prisma.run.updateMany({
    where: { sessionId },
    data: { status: 'FAILED', leaseExpiresAt: null },
  })

/** What comes of two that ask at once for what there is one place left for. */
async function bothAtOnce(): Promise<string[]> {
  const release = it.holdAnswers()
  const asked = { agentId: it.agentInA, background: true }
  const both = (await Promise.all([ask(asked), ask(asked)])).flat().sort()
  release()
  await eventually(() => expect(it.endpoint.waiting()).toBe(0))
  return both
}

// Each would keep a connection to the endpoint.
test('a workspace has 100 runs in progress at most, and others are not kept from theirs', async () => {
  const sessionId = await insertSession(it.world, it.workspace, it.agentInA)
  const human = await addHuman(it.world, it.workspace, 'BUILDER')
  await insertRuns(sessionId, Array<Row>(99).fill(running(human.userId)))
  expect(await bothAtOnce()).toEqual(['LIMIT_REACHED', 'done'])
  await endAll(sessionId)
  expect(await ask({ agentId: it.agentInA })).toEqual(['done'])
})

test('a user has 20 of them at most, whoever else has how many', async () => {
  const sessionId = await insertSession(it.world, it.workspace, it.agentInA)
  const human = await addHuman(it.world, it.workspace, 'BUILDER')
  await insertRuns(sessionId, [
    ...Array<Row>(19).fill(running(it.workspace.ownerId)),
    ...Array<Row>(30).fill(running(human.userId)),
  ])
  expect(await bothAtOnce()).toEqual(['LIMIT_REACHED', 'done'])
  await endAll(sessionId)
  expect(await ask({ agentId: it.agentInA })).toEqual(['done'])
})

// One person may have several workspaces, and must not keep everybody else from running agents.
test('of the 300 runs of a server a workspace has at most as many as are free', async () => {
  const { underWay } = it.world.deps.runtime
  const take = (workspaceId: string, count: number) => {
    for (let i = 0; i < count; i++) underWay.begin(workspaceId, newId('run'))
  }
  const drop = (count: number) => underWay.ids().slice(0, count).forEach(underWay.drop)
  const other = await it.world.createWorkspace()
  const make = seed(it.world, other.secret)
  const theirs = await make.agent({ name: 'a', spaceIds: [await make.space({ name: 's' })] })
  const askElsewhere = () =>
    outcome(it.world, other.secret, 'runAgent', { agentId: theirs, input: 'Hello' })

  take('one', 100)
  take('two', 100)
  take(it.workspace.id, 49)
  expect(await ask({ agentId: it.agentInA })).toEqual(['done'])
  take(it.workspace.id, 1)
  expect(await ask({ agentId: it.agentInA })).toEqual(['LIMIT_REACHED'])
  expect(await askElsewhere()).toEqual(['done'])
  take('three', 50)
  expect(await askElsewhere()).toEqual(['LIMIT_REACHED'])
  // Whoever may not ask is told so all the same.
  expect(await ask({ agentId: theirs })).toEqual(['NOT_FOUND input.agentId'])
  drop(1)
  expect(await askElsewhere()).toEqual(['done'])
  drop(299)
})

test('a conversation that has become too long is begun anew', async () => {
  const sessionId = await insertSession(it.world, it.workspace, it.agentInA)
  const half: Row = { input: 'i'.repeat(62_500), output: 'o'.repeat(62_500), status: 'SUCCEEDED' }
  const failed: Row = { input: 'f'.repeat(900_000), output: null, status: 'FAILED' }
  await insertRuns(sessionId, [half, half, failed])
  expect(await ask({ sessionId })).toEqual(['done'])
  expect(it.endpoint.requests.at(-1)?.body.messages).toHaveLength(5)
  // By what the last one added.
  expect(await ask({ sessionId })).toEqual(['LIMIT_REACHED input.sessionId'])
})

// Its last run would be lost with it.
test('a server that is stopping takes no runs', async () => {
  const own = await createRunWorld()
  await own.world.deps.runtime.underWay.close(0)
  const asked = { agentId: own.agentInA, input: 'Hello' }
  expect(await outcome(own.world, own.workspace.secret, 'runAgent', asked)).toEqual([
    'SERVICE_UNAVAILABLE Temporarily unavailable; try again.',
  ])
  expect(own.endpoint.requests).toHaveLength(0)
  await own.close()
})
