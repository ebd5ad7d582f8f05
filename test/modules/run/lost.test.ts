import { afterAll, beforeAll, expect, test } from 'vitest'
import { lookForLostRuns } from '../../../src/modules/run/recover.ts'
import { insertRun, insertSession } from '../../auth/insert-session.ts'
import { holdLine } from '../../setup/in-line.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let statements: Statements
let it: RunWorld

beforeAll(async () => {
  statements = watchStatements()
  it = await createRunWorld()
})
afterAll(async () => {
  await it.close()
  statements.stop()
})

const rowOf = (id: string) => it.world.deps.prisma.run.findFirstOrThrow({ where: { id } })
const statusOf = async (id: string) => (await rowOf(id)).status

/** A run in progress of a process that has been silent for longer than its lease. */
async function insertSilent(sessionId?: string): Promise<string> {
  const { world, workspace, agentInA } = it
  const session = sessionId ?? (await insertSession(world, workspace, agentInA))
  const id = await insertRun(world, workspace, session)
  const silent = { status: 'RUNNING', replicaId: 'gone', leaseExpiresAt: new Date(0) } as const
  await world.deps.prisma.run.updateMany({ where: { id }, data: { ...silent, output: null } })
  return id
}

type Look = ReturnType<typeof lookForLostRuns>

/** Looks, until what it has begun to end is over. */
const lookToTheEnd = async (look: Look) => void (await Promise.all(await look()))

// Its process may have been cut off for a moment: it has until the next look.
test('a run is lost if nothing is heard of it from one look to the next', async () => {
  const [lost, late] = [await insertSilent(), await insertSilent()]
  const look = lookForLostRuns(it.world.deps)
  await lookToTheEnd(look)
  expect(await Promise.all([lost, late].map(statusOf))).toEqual(['RUNNING', 'RUNNING'])
  const leaseExpiresAt = new Date(Date.now() + 60_000)
  await it.world.deps.prisma.run.updateMany({ where: { id: late }, data: { leaseExpiresAt } })
  await lookToTheEnd(look)
  expect(await Promise.all([lost, late].map(statusOf))).toEqual(['FAILED', 'RUNNING'])
})

// A database that was away kept the process of the run from it as well.
test('a look that fails is none: what was seen before it has one more', async () => {
  const id = await insertSilent()
  const look = lookForLostRuns(it.world.deps)
  await look()
  statements.answering = (text) => {
    if (text.includes('"leaseExpiresAt" < now()')) throw new Error('away')
  }
  await expect(look()).rejects.toThrow()
  statements.answering = () => undefined
  await lookToTheEnd(look)
  expect(await statusOf(id)).toBe('RUNNING')
  await lookToTheEnd(look)
  expect(await statusOf(id)).toBe('FAILED')
})

test('an answer that is stored while a lost run waits for its turn to be ended stays', async () => {
  const [answered, lost] = [await insertSilent(), await insertSilent()]
  const look = lookForLostRuns(it.world.deps)
  await look()
  const line = holdLine(it.world.deps, it.workspace.id)
  const ends = await look()
  await line.waiting(1)
  const stored = {
    status: 'SUCCEEDED',
    output: 'late',
    replicaId: null,
    leaseExpiresAt: null,
  } as const
  await it.world.deps.prisma.run.updateMany({ where: { id: answered }, data: stored })
  await line.open()
  await Promise.all(ends)
  expect(await statusOf(lost)).toBe('FAILED')
  expect(await rowOf(answered)).toMatchObject(stored)
})

test('of very many lost runs none waits for another look, nor for those of the process that looks', async () => {
  const { underWay } = it.world.deps.runtime
  const sessionId = await insertSession(it.world, it.workspace, it.agentInA)
  const own = await Promise.all(Array.from({ length: 30 }, () => insertSilent(sessionId)))
  for (const id of own) underWay.begin(it.workspace.id, id)
  const lost = await Promise.all(Array.from({ length: 120 }, () => insertSilent(sessionId)))
  const look = lookForLostRuns(it.world.deps)
  await lookToTheEnd(look)
  await lookToTheEnd(look)
  const count = (ids: string[], status: 'RUNNING' | 'FAILED') =>
    it.world.deps.prisma.run.count({ where: { id: { in: ids }, status } })
  expect(await count(lost, 'FAILED')).toBe(120)
  expect(await count(own, 'RUNNING')).toBe(30)
  own.forEach(underWay.drop)
})
