import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { endRunsOfLastProcess, lookForLostRuns } from '../../src/modules/run/recover.ts'
import { createRunRegistry, leaseSeconds } from '../../src/runtime/run-registry.ts'
import { insertRun, insertSession } from '../auth/insert-session.ts'
import { createRunWorld, type RunWorld } from '../modules/run/run-world.ts'
import { eventually } from '../setup/eventually.ts'
import { waitingForLocks } from '../setup/in-line.ts'
import { done, seed } from '../setup/seed.ts'

vi.setConfig({ testTimeout: 60_000 })

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

const rowOf = (id: string) => it.world.deps.prisma.run.findFirstOrThrow({ where: { id } })

/** Runs a statement in a transaction that stays open until what is returned is called. */
async function holding(sql: string): Promise<() => Promise<unknown>> {
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const transaction = it.world.deps.prisma.$transaction(
    async (db) => {
      await db.$executeRawUnsafe(sql)
      held.resolve()
      await release.promise
    },
    { timeout: 30_000 },
  )
  await held.promise
  return () => {
    release.resolve()
    return transaction
  }
}

/** A run in progress of a server that waits for it no more, or has yet to renew its lease. */
async function insertRunning(leaseExpiresAt: Date): Promise<string> {
  const { world, workspace, agentInA } = it
  const id = await insertRun(world, workspace, await insertSession(world, workspace, agentInA))
  const running = { status: 'RUNNING', replicaId: 'another', leaseExpiresAt } as const
  await world.deps.prisma.run.updateMany({ where: { id }, data: running })
  return id
}

// A server that hangs within a change holds rows: what others run must live on, and the run itself too.
test('a run whose row is locked keeps no other run from its lease, and is not given up', async () => {
  const { world } = it
  const releaseAnswers = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const locked = await it.begin({ agentId: it.agentInA })
  const tenant = await world.createWorkspace()
  const make = seed(world, tenant.secret)
  const agentId = await make.agent({ name: 'a', spaceIds: [await make.space({ name: 's' })] })
  const told = { agentId, input: 'Hello', background: true }
  const { run: other } = await done(world, tenant.secret, 'runAgent', 'run { id }', told)
  await it.endpoint.asked(asked + 2)
  const unlock = await holding(`SELECT 1 FROM "Run" WHERE id = '${locked.id}' FOR UPDATE`)
  const before = await rowOf(other.id)
  await eventually(async () => {
    const after = await rowOf(other.id)
    const moved = Number(after.leaseExpiresAt) - Number(before.leaseExpiresAt)
    expect(moved).toBeGreaterThan(leaseSeconds * 1_000)
  })
  expect(it.endpoint.waiting()).toBe(2)
  await unlock()
  releaseAnswers()
  expect(await it.ended(locked.id)).toMatchObject({ status: 'SUCCEEDED' })
  await eventually(async () => expect((await rowOf(other.id)).status).toBe('SUCCEEDED'))
})

test('while leases cannot be renewed, one renewal waits and no more are begun', async () => {
  const releaseAnswers = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const { id } = await it.begin({ agentId: it.agentInA })
  await it.endpoint.asked(asked + 1)
  const unlock = await holding('LOCK TABLE "Run" IN ACCESS EXCLUSIVE MODE')
  await waitingForLocks(it.world.deps.prisma, 1)
  // As long as others would take to come.
  await sleep(5_000)
  const [row] = await it.world.deps.prisma.$queryRaw<{ waiting: number }[]>`
    SELECT count(*)::int AS waiting FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%leaseExpiresAt%'`
  await unlock()
  releaseAnswers()
  expect(row).toEqual({ waiting: 1 })
  expect(await it.ended(id)).toMatchObject({ status: 'SUCCEEDED' })
})

// A server of the same database that starts knows nothing of those that are alive.
test('a server that starts leaves the runs of other servers alone', async () => {
  const id = await insertRunning(new Date(Date.now() + 60_000))
  const { runtime } = it.world.deps
  const { prisma, logger, metrics } = it.world.deps
  const underWay = createRunRegistry(prisma, logger, { ...metrics, watchRuns: () => undefined })
  onTestFinished(() => underWay.close(0))
  await endRunsOfLastProcess({ ...it.world.deps, runtime: { ...runtime, underWay } })
  expect(await rowOf(id)).toMatchObject({ status: 'RUNNING', replicaId: 'another' })
})

test('a server does not take a run for lost whose answer it waits for itself', async () => {
  const releaseAnswers = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInA })
  // No renewal comes through, and none of it is seen to be held.
  const { deps } = it.world
  await deps.prisma.run.updateMany({ where: { id }, data: { leaseExpiresAt: new Date(0) } })
  const unlock = await holding(`SELECT 1 FROM "Run" WHERE id = '${id}' FOR SHARE`)
  const lost = await insertRunning(new Date(0))
  const look = lookForLostRuns(deps)
  await look()
  const ends = await look()
  await unlock()
  await Promise.all(ends)
  expect(await rowOf(lost)).toMatchObject({ status: 'FAILED' })
  expect(await rowOf(id)).toMatchObject({ status: 'RUNNING' })
  releaseAnswers()
  expect(await it.ended(id)).toMatchObject({ status: 'SUCCEEDED' })
})
