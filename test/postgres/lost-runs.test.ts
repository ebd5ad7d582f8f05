import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { lookForLostRuns } from '../../src/modules/run/recover.ts'
import { insertRun, insertSession } from '../auth/insert-session.ts'
import { beginRun, newAgent, readRun } from '../process/agents.ts'
import { startServer } from '../process/program.ts'
import { createChatEndpoint } from '../setup/chat-endpoint.ts'
import { eventually } from '../setup/eventually.ts'
import { createPostgres } from '../setup/postgres.ts'
import { seed } from '../setup/seed.ts'
import { createWorld } from '../setup/world.ts'

const pollMs = 100

// Nobody else asks again what a dead replica had asked: it may have been done.
test('runs of a killed replica are FAILED by another within 15 s, and nobody else touches a live one', async () => {
  const { url, drop } = await createPostgres('empty')
  onTestFinished(drop)
  const endpoint = await createChatEndpoint()
  onTestFinished(() => endpoint.close())
  endpoint.fault = 'never answers'
  const settings = {
    DATABASE_URL: url,
    SECRETS_KEY: 'a key for tests, long enough to be one',
    AGENT_RUNTIME_URL: endpoint.url,
    AGENT_RUNTIME_MODEL: 'model',
  }
  const dying = await startServer(settings)
  const [key = ''] = dying.printedKeys
  const living = await startServer(settings)
  const agentId = await newAgent(dying, key)
  const lost = await beginRun(dying, key, `agentId: "${agentId}"`)
  const kept = await beginRun(living, key, `agentId: "${agentId}"`)
  const canceled = await beginRun(dying, key, `agentId: "${agentId}"`)
  await endpoint.asked(3)
  expect(endpoint.waiting()).toBe(3)

  // By another replica than the one that waits, which finds out as it renews its leases.
  const cancel = `mutation { cancelRun(input: { id: "${canceled.id}" }) { run { status } } }`
  expect((await living.gql(key, cancel)).data.cancelRun.run).toEqual({ status: 'CANCELED' })
  const giveUp = performance.now()
  while (endpoint.waiting() > 2) await sleep(pollMs)
  expect(performance.now() - giveUp).toBeLessThan(6_000)

  dying.child.kill('SIGKILL')
  await dying.exited
  const since = performance.now()
  while ((await readRun(living, key, lost.id)).status === 'RUNNING') await sleep(pollMs)
  const took = performance.now() - since
  console.log(`a lost run was FAILED after ${Math.round(took)} ms`)
  expect(took).toBeLessThan(15_000)
  expect(await readRun(living, key, lost.id)).toMatchObject({
    status: 'FAILED',
    error: 'The server that ran it stopped before the answer came.',
  })
  expect(await readRun(living, key, kept.id)).toMatchObject({ status: 'RUNNING' })
  expect(await readRun(living, key, canceled.id)).toMatchObject({ status: 'CANCELED' })
  expect(endpoint.requests).toHaveLength(3)

  endpoint.fault = undefined
  const again = `{ sessionId: "${lost.session.id}", input: "Again" }`
  const { data } = await living.gql(
    key,
    `mutation { runAgent(input: ${again}) { run { status output } errors { message } } }`,
  )
  expect(data.runAgent.run).toEqual({ status: 'SUCCEEDED', output: 'You said: Again' })
})

// A tenant who keeps their own workspace busy must not keep others waiting.
test('lost runs of a workspace that is locked keep nobody else waiting', async () => {
  const world = await createWorld()
  onTestFinished(() => world.close())
  const lostIn = async (): Promise<{ workspaceId: string; id: string }> => {
    const workspace = await world.createWorkspace()
    const make = seed(world, workspace.secret)
    const agent = await make.agent({ name: 'a', spaceIds: [await make.space({ name: 's' })] })
    const id = await insertRun(world, workspace, await insertSession(world, workspace, agent))
    const lost = { status: 'RUNNING', replicaId: 'gone', leaseExpiresAt: new Date(0) } as const
    await world.deps.prisma.run.updateMany({ where: { id }, data: lost })
    return { workspaceId: workspace.id, id }
  }
  const [busy, free] = [await lostIn(), await lostIn()]
  const statusOf = async ({ id }: { id: string }) =>
    (await world.deps.prisma.run.findFirstOrThrow({ where: { id } })).status
  const unlock = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const holding = world.deps.prisma.$transaction(
    async (db) => {
      await db.$queryRaw`SELECT 1 FROM "Workspace" WHERE id = ${busy.workspaceId} FOR UPDATE`
      locked.resolve()
      await unlock.promise
    },
    { timeout: 30_000 },
  )
  await locked.promise
  const look = lookForLostRuns(world.deps)
  await look()
  const ends = await look()
  await eventually(async () => expect(await statusOf(free)).toBe('FAILED'))
  expect(await statusOf(busy)).toBe('RUNNING')
  // Nor do those of the next look wait.
  const later = await lostIn()
  await look()
  await Promise.all(await look())
  expect(await statusOf(later)).toBe('FAILED')
  expect(await statusOf(busy)).toBe('RUNNING')
  unlock.resolve()
  await holding
  await Promise.all(ends)
  expect(await statusOf(busy)).toBe('FAILED')
})
