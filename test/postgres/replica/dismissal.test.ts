import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createCredentialCache } from '../../../src/auth/credential-cache.ts'
import { attempt } from '../../modules/api-key/ask.ts'
import { askOver } from '../../modules/api-key/second-app.ts'
import { replicaBeside } from '../../setup/second-server.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { serverBeside, session, waitingForEver } from './servers.ts'

let statements: Statements
let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const change = async (server: Pick<World, 'gql'>): Promise<void> => {
  const { codes } = await attempt(server, workspace.secret, 'createScope', { name: randomUUID() })
  expect(codes).toEqual([])
}

const replicas = async (): Promise<string[]> =>
  (await world.deps.prisma.replica.findMany({ orderBy: { id: 'asc' } })).map(({ id }) => id)

// Its session would keep the database from cleaning up, and fill the queue of notifications.
test('the session of a server that is not waited for any more is ended', async () => {
  const beside = await serverBeside(world)
  const holder = await session(world)
  const listeners = async (): Promise<number> => {
    const { rows } = await holder.query(`SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'latchkey listener %'`)
    return rows[0].count
  }
  expect(await listeners()).toBe(2)
  beside.hears.hang()
  for (let turn = 0; turn < 2; turn += 1) await change(world)
  await expect.poll(listeners, { timeout: 10_000 }).toBe(1)
})

test('that a session was not ended is told once', async () => {
  statements.answering = (text) => {
    if (text.includes('pg_terminate_backend')) throw new Error('permission denied')
  }
  onTestFinished(() => {
    statements.answering = () => undefined
  })
  const writer = await serverBeside(world)
  for (let turn = 0; turn < 2; turn += 1) {
    const beside = await serverBeside(world)
    await change(writer)
    const { length } = await replicas()
    beside.hears.hang()
    await change(writer)
    await expect.poll(replicas, { timeout: 10_000 }).toHaveLength(length - 1)
  }
  await writer.deps.replica.leave()
  expect(writer.notEnded).toEqual([
    expect.objectContaining({ message: expect.stringContaining('permission denied') }),
  ])
})

// As behind a pooler of transactions.
test('a writer that hears nothing waits for one that has died for a moment and not for ever', async () => {
  const beside = await serverBeside(world)
  const living = await replicas()
  await world.deps.prisma.replica.create({ data: { id: 'dead' } })
  const replica = await replicaBeside(world.deps)
  onTestFinished(() => replica.leave())
  const deaf = askOver({ ...world.deps, replica, credentials: createCredentialCache(replica, 64) })
  await change(deaf)
  await expect.poll(replicas, { timeout: 10_000 }).toEqual(living)
  expect(beside.lost).toEqual([])

  await beside.deps.replica.leave()
  await world.deps.replica.leave()
  waitingForEver()
  await change(deaf)
})
