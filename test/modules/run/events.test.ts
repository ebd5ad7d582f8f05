import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../setup/eventually.ts'
import { metricsOf } from '../../setup/metrics.ts'
import { done } from '../../setup/seed.ts'
import { attempt } from '../api-key/ask.ts'
import { contentsOf, whileBlocked } from '../audit/blocked-chain.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())

const workspaceRow = () =>
  it.world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: it.workspace.id } })

const eventsSince = (sequence: bigint) =>
  it.world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: it.workspace.id, sequence: { gt: sequence } },
    orderBy: { sequence: 'asc' },
  })

// An auditor asks who asked which agent, and must not read what was said.
test('a run leaves who asked and what came of it, in the chain, and nothing of what was said', async () => {
  const key = await it.make.key({ name: 'asking', permissions: ['*'], allSpaces: true })
  const before = await workspaceRow()
  const { run } = await done(it.world, key.secret, 'runAgent', 'run { id session { id } }', {
    agentId: it.agentInA,
    input: 'A secret question',
  })
  const events = await eventsSince(before.auditSequence)
  const actor = { actorKind: 'API_KEY', actorId: it.workspace.ownerId, apiKeyId: key.id }
  expect(events).toMatchObject([
    { action: 'session.created', targetId: run.session.id, ...actor },
    { action: 'run.started', targetId: run.id, ...actor },
    { action: 'run.succeeded', targetId: run.id, ...actor },
  ])
  expect(JSON.parse(events[2]?.changes ?? '')).toEqual([
    { field: 'status', before: '"RUNNING"', after: '"SUCCEEDED"' },
    { field: 'inputTokens', before: 'null', after: '11' },
    { field: 'outputTokens', before: 'null', after: '7' },
  ])
  const texts = events.map((event) => Object.values(event).join())
  expect(texts.join()).not.toMatch(/question|You said/)
  // No credential's rights depend on it.
  expect((await workspaceRow()).epoch).toBe(before.epoch)
  await expectWhole(it.world, it.workspace)
})

test('a run whose event cannot be written is neither begun nor canceled', async () => {
  const { world, workspace, agentInA: agentId } = it
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId })
  await whileBlocked(world, workspace, async () => {
    const contents = await contentsOf(world, workspace)
    for (const [mutation, input] of [
      ['runAgent', { agentId, input: 'Hello' }],
      ['cancelRun', { id }],
    ] as const)
      expect((await attempt(world, workspace.secret, mutation, input)).codes).toHaveLength(1)
    expect(await contentsOf(world, workspace)).toEqual(contents)
  })
  await done(world, workspace.secret, 'cancelRun', 'run { id }', { id })
  release()
})

test('a run that outlives its key is ended by nobody but the server', async () => {
  const key = await it.make.key({ name: 'ending', permissions: ['*'], allSpaces: true })
  const release = it.holdAnswers()
  const { id } = await it.begin({ agentId: it.agentInA }, key.secret)
  await done(it.world, it.workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  const { auditSequence } = await workspaceRow()
  release()
  await it.ended(id)
  expect(await eventsSince(auditSequence)).toMatchObject([
    {
      action: 'run.canceled',
      targetId: id,
      actorKind: null,
      actorName: 'operator',
      apiKeyId: null,
    },
  ])
  await expectWhole(it.world, it.workspace)
})

// Of all tenants together, for anybody may read it.
const counts = async () => {
  const metrics = await metricsOf(it.world.app)
  const of = (status: string) => metrics.get(`latchkey_runs_total{status="${status}"}`) ?? 0
  const running = metrics.get('latchkey_runs_in_progress')
  return [of('succeeded'), of('failed'), of('canceled'), running]
}

test('runs are counted by what they came to, and those in progress', async () => {
  const [succeeded = 0, failed = 0, canceled = 0] = await counts()
  const release = it.holdAnswers()
  const asked = it.endpoint.requests.length
  const [one, two] = [
    await it.begin({ agentId: it.agentInA }),
    await it.begin({ agentId: it.agentInA }),
  ]
  await it.endpoint.asked(asked + 2)
  expect(await counts()).toEqual([succeeded, failed, canceled, 2])
  await done(it.world, it.workspace.secret, 'cancelRun', 'run { id }', { id: one.id })
  release()
  await it.ended(two.id)
  it.endpoint.fault = 500
  const failing = await it.begin({ agentId: it.agentInA })
  await it.ended(failing.id)
  it.endpoint.fault = undefined
  await eventually(async () =>
    expect(await counts()).toEqual([succeeded + 1, failed + 1, canceled + 1, 0]),
  )
})

// Several servers may know of the same run: it is counted where it was ended.
test('a run that another server ended is not counted again, also where its key was revoked', async () => {
  const key = await it.make.key({ name: 'losing', permissions: ['*'], allSpaces: true })
  const before = await counts()
  const release = it.holdAnswers()
  const runs = [
    await it.begin({ agentId: it.agentInA }),
    await it.begin({ agentId: it.agentInA }, key.secret),
  ]
  await done(it.world, it.workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  const failed = { status: 'FAILED', replicaId: null, leaseExpiresAt: null } as const
  const id = { in: runs.map((run) => run.id) }
  await it.world.deps.prisma.run.updateMany({ where: { id }, data: failed })
  release()
  const { underWay } = it.world.deps.runtime
  await eventually(() => expect(underWay.ids()).toEqual([]))
  expect(await counts()).toEqual(before)
})

test('runs whose session is terminated, or whose key is revoked, are counted as canceled', async () => {
  const key = await it.make.key({ name: 'counted', permissions: ['*'], allSpaces: true })
  const [succeeded = 0, failed = 0, canceled = 0] = await counts()
  const release = it.holdAnswers()
  const { sessionId } = await it.begin({ agentId: it.agentInA })
  await it.begin({ agentId: it.agentInA }, key.secret)
  await done(it.world, it.workspace.secret, 'terminateSession', 'session { id }', { id: sessionId })
  await done(it.world, it.workspace.secret, 'revokeApiKey', 'revokedCount', { id: key.id })
  release()
  await eventually(async () => expect(await counts()).toEqual([succeeded, failed, canceled + 2, 0]))
})
