import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../setup/eventually.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld
let owner: string
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  statements.answering = (text) => {
    if (text.includes('own AS MATERIALIZED')) throw new Error('leases are not renewed here')
  }
  it = await createRunWorld()
  owner = it.workspace.secret
})
afterAll(async () => {
  await it.close()
  statements.stop()
})

const runIn = (sessionId: string) => ({ sessionId, input: 'Hello' })
const cancel = (id: string, secret = owner) => outcome(it.world, secret, 'cancelRun', { id })
const terminate = (id: string) => outcome(it.world, owner, 'terminateSession', { id })
const actionsOf = async (targetId: string) => {
  const where = { targetId }
  const events = await it.world.deps.prisma.auditEvent.findMany({
    where,
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ action }) => action)
}
/** That the endpoint has nobody left to answer, though no renewal of leases tells the server why. */
const expectNobodyWaits = () => eventually(() => expect(it.endpoint.waiting()).toBe(0))

test('a run in the background is RUNNING at once, and then has its answer', async () => {
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInA, input: 'Later' })
  expect(await it.read(id)).toMatchObject({ status: 'RUNNING', output: null, finishedAt: null })
  release()
  expect(await it.ended(id)).toMatchObject({ status: 'SUCCEEDED', output: 'You said: Later' })
  expect(await actionsOf(id)).toEqual(['run.started', 'run.succeeded'])
})

test('a canceled run is given up at the endpoint, stays canceled, and leaves its session usable', async () => {
  const release = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const { id, sessionId } = await it.begin({ agentId: it.agentInA })
  await it.endpoint.asked(asked + 1)
  expect(await cancel(id)).toEqual(['done'])
  await expectNobodyWaits()
  const canceled = await it.read(id)
  expect(canceled).toMatchObject({ status: 'CANCELED', output: null, error: null })
  expect(await cancel(id)).toEqual(['done'])
  release()
  expect(await it.read(id)).toEqual(canceled)
  expect(await outcome(it.world, owner, 'runAgent', runIn(sessionId))).toEqual(['done'])
  expect(await actionsOf(id)).toEqual(['run.started', 'run.canceled'])
})

test('whoever waits for a run that somebody cancels gets it as CANCELED', async () => {
  const release = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const waiting = done(it.world, owner, 'runAgent', 'run { status output }', {
    agentId: it.agentInA,
    input: 'Canceled',
  })
  await it.endpoint.asked(asked + 1)
  const { id } = await it.world.deps.prisma.run.findFirstOrThrow({ where: { input: 'Canceled' } })
  expect(await cancel(id)).toEqual(['done'])
  expect((await waiting).run).toEqual({ status: 'CANCELED', output: null })
  release()
})

// Places are few.
test('a run that could not be stored leaves its place to others', async () => {
  const { prisma, runtime } = it.world.deps
  await eventually(() => expect(runtime.underWay.ids()).toEqual([]))
  const input = 'not stored'
  await prisma.$executeRaw`ALTER TABLE "Run" ADD CONSTRAINT failing CHECK (input <> 'not stored')`
  const [told] = await outcome(it.world, owner, 'runAgent', { agentId: it.agentInA, input })
  await prisma.$executeRaw`ALTER TABLE "Run" DROP CONSTRAINT failing`
  expect(told).toMatch(/^(INTERNAL_SERVER_ERROR|SERVICE_UNAVAILABLE) /)
  expect(runtime.underWay.ids()).toEqual([])
})

test('a run that has ended cannot be canceled', async () => {
  const { run } = await done(it.world, owner, 'runAgent', 'run { id }', {
    agentId: it.agentInA,
    input: 'Done',
  })
  expect(await cancel(run.id)).toEqual(['WRONG_STATE input.id'])
})

test('of many that cancel a run, and its answer, at once one wins, and all agree', async () => {
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInA })
  const cancels = Array.from({ length: 5 }, () => cancel(id))
  release()
  const told = (await Promise.all(cancels)).flat()
  const { status } = await it.ended(id)
  expect(new Set(told)).toEqual(new Set([status === 'CANCELED' ? 'done' : 'WRONG_STATE input.id']))
  expect(await actionsOf(id)).toEqual(['run.started', `run.${status.toLowerCase()}`])
})

test('a session has one run at a time', async () => {
  const release = it.holdAnswers()
  const { id, sessionId } = await it.begin({ agentId: it.agentInA })
  const second = await outcome(it.world, owner, 'runAgent', runIn(sessionId))
  expect(second).toEqual(['WRONG_STATE input.sessionId'])
  release()
  await it.ended(id)
  const releaseBoth = it.holdAnswers()
  const both = [{ background: true }, { background: true }].map((more) =>
    outcome(it.world, owner, 'runAgent', { ...runIn(sessionId), ...more }),
  )
  expect((await Promise.all(both)).flat().sort()).toEqual(['WRONG_STATE input.sessionId', 'done'])
  releaseBoth()
  const where = { sessionId, status: 'RUNNING' } as const
  const running = await it.world.deps.prisma.run.findFirst({ where })
  if (running !== null) await it.ended(running.id)
})

test('terminating a session cancels its run, and the session takes no more', async () => {
  const release = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const { id, sessionId } = await it.begin({ agentId: it.agentInA })
  await it.endpoint.asked(asked + 1)
  expect(await terminate(sessionId)).toEqual(['done'])
  await expectNobodyWaits()
  release()
  const run = await it.read(id)
  expect(run).toMatchObject({ status: 'CANCELED', session: { status: 'TERMINATED' } })
  const refused = ['WRONG_STATE input.sessionId']
  expect(await outcome(it.world, owner, 'runAgent', runIn(sessionId))).toEqual(refused)

  // Twice is once.
  const { prisma } = it.world.deps
  const before = await prisma.session.findFirst({ where: { id: sessionId } })
  expect(await terminate(sessionId)).toEqual(['done'])
  expect(await prisma.session.findFirst({ where: { id: sessionId } })).toEqual(before)
  expect(await actionsOf(sessionId)).toEqual(['session.created', 'session.terminated'])
  expect(await actionsOf(id)).toEqual(['run.started', 'run.canceled'])
  expect(await it.read(id)).toEqual(run)
  // Both in one transaction.
  const where = { action: { in: ['session.terminated', 'run.canceled'] } }
  const targetId = { in: [sessionId, id] }
  const events = await prisma.auditEvent.findMany({ where: { ...where, targetId } })
  expect(events).toHaveLength(2)
  expect(events[0]?.requestId).toBe(events[1]?.requestId)
})

test('an agent that is archived begins no session and takes no run', async () => {
  const agentId = await it.make.agent({ name: 'old', spaceIds: [it.spaces.a] })
  const { session } = await done(it.world, owner, 'createSession', 'session { id }', { agentId })
  const archived = { id: agentId, status: 'ARCHIVED' }
  await done(it.world, owner, 'updateAgent', 'agent { id }', archived)
  const run = { agentId, input: 'Hello' }
  expect(await outcome(it.world, owner, 'runAgent', run)).toEqual(['WRONG_STATE input.agentId'])
  const [inSession, begun] = [runIn(session.id), { agentId }]
  expect(await outcome(it.world, owner, 'runAgent', inSession)).toEqual([
    'WRONG_STATE input.sessionId',
  ])
  expect(await outcome(it.world, owner, 'createSession', begun)).toEqual([
    'WRONG_STATE input.agentId',
  ])
  expect(await terminate(session.id)).toEqual(['done'])
})

test.each([
  [{ input: 'Hello' }, ['INVALID input.agentId']],
  [{ input: 'Hello', agentId: null, sessionId: null }, ['INVALID input.agentId']],
  [{ input: '' }, ['INVALID input.agentId', 'INVALID input.input']],
  [{ input: ' \n\t' }, ['INVALID input.agentId', 'INVALID input.input']],
  [{ input: 'a\0b' }, ['INVALID input.agentId', 'INVALID input.input']],
  [{ input: '\ud800' }, ['INVALID input.agentId', 'INVALID input.input']],
  [{ input: 'x'.repeat(100_001) }, ['INVALID input.agentId', 'INVALID input.input']],
])('the input %j is refused with all that is wrong', async (input, told) => {
  expect(await outcome(it.world, owner, 'runAgent', input)).toEqual(told)
})

test('a run in a session names the agent of the session, or none', async () => {
  const { session } = await done(it.world, owner, 'createSession', 'session { id }', {
    agentId: it.agentInA,
  })
  const other = { ...runIn(session.id), agentId: it.agentInBoth }
  expect(await outcome(it.world, owner, 'runAgent', other)).toEqual(['NOT_FOUND input.agentId'])
  const same = { ...runIn(session.id), agentId: it.agentInA }
  expect(await outcome(it.world, owner, 'runAgent', same)).toEqual(['done'])
})
