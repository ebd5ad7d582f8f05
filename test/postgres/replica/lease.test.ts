import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { attempt, verdict } from '../../modules/api-key/ask.ts'
import { jumpingClock } from '../../setup/monotonic-clock.ts'
import { seed } from '../../setup/seed.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { type ServerBeside, serverBeside, session, waitingForEver } from './servers.ts'

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

const makeKey = () => {
  const input = { name: randomUUID(), permissions: ['agents:read'], allSpaces: true }
  return seed(world, workspace.secret).key(input)
}

const change = async (mutation: string, id: string): Promise<void> => {
  expect((await attempt(world, workspace.secret, mutation, { id })).codes).toEqual([])
}

let space: string | undefined
const aSpace = async (): Promise<string> => {
  space ??= await seed(world, workspace.secret).space({ name: 'space' })
  return space
}

/** Until it may trust its memory. */
async function untilTrusted({ deps }: Pick<ServerBeside, 'deps'>): Promise<void> {
  await expect.poll(() => deps.replica.holdsLease, { timeout: 10_000 }).toBe(true)
}

const replicas = (): Promise<number> => world.deps.prisma.replica.count()

/** How often a credential is read for what `work` does. */
async function readings(work: () => Promise<unknown>): Promise<number> {
  const from = statements.sent.length
  await work()
  return statements.sent.slice(from).filter((text) => text.includes('"ApiKeySecret"')).length
}

test('what is remembered is not read again', async () => {
  const beside = await serverBeside(world)
  const { secret } = await makeKey()
  // No lease runs out.
  jumpingClock().stop()
  for (const server of [world, beside]) {
    await untilTrusted(server)
    expect(await readings(() => verdict(server, secret))).toBe(1)
    expect(await readings(() => verdict(server, secret))).toBe(0)
  }
})

test('a change is known to every server before it is answered, and its answer waits for no time', async () => {
  const beside = await serverBeside(world)
  const { id, secret } = await makeKey()
  waitingForEver()
  for (let turn = 0; turn < 20; turn += 1) {
    expect(await verdict(beside, secret)).toBe('ACCEPTED')
    await change('disableApiKey', id)
    expect(await verdict(beside, secret)).toBe('401 DISABLED')
    await change('enableApiKey', id)
  }
  expect(beside.lost).toEqual([])
})

// Whoever is told that a key is disabled relies on it, also when somebody else has done it just before.
test('a change that changes nothing waits for others like any, and for nobody in vain', async () => {
  const beside = await serverBeside(world)
  const { id, secret } = await makeKey()
  await change('disableApiKey', id)
  const letTimePass = waitingForEver()
  for (let turn = 0; turn < 6; turn += 1) {
    await change('disableApiKey', id)
    const agent = { name: randomUUID(), spaceIds: [await aSpace()] }
    expect((await attempt(world, workspace.secret, 'createAgent', agent)).codes).toEqual([])
  }
  expect(beside.lost).toEqual([])
  letTimePass()

  await change('enableApiKey', id)
  expect(await verdict(beside, secret)).toBe('ACCEPTED')
  beside.hears.hang()
  const [first, second] = [change('disableApiKey', id), change('disableApiKey', id)]
  await Promise.race([first, second])
  expect(await verdict(beside, secret)).toBe('401 DISABLED')
  await Promise.all([first, second])
})

test('a server that hears nothing trusts nothing once a change is answered, and hears again', async () => {
  const clock = jumpingClock()
  const beside = await serverBeside(world)
  const { id, secret } = await makeKey()
  expect(await verdict(beside, secret)).toBe('ACCEPTED')
  beside.hears.hang()
  await change('disableApiKey', id)
  const answered = performance.now()
  expect(await verdict(beside, secret)).toBe('401 DISABLED')
  await change('enableApiKey', id)
  expect(await readings(() => verdict(beside, secret))).toBe(1)
  // Writers wait for it no more, until it has joined again. Where it is told so, it may hold a lease
  // for some time yet.
  await expect.poll(replicas, { timeout: 10_000, interval: 20 }).toBe(1)
  expect(performance.now() - answered).toBeGreaterThan(900)

  beside.hears.mend()
  await expect.poll(() => beside.lost.length, { timeout: 10_000 }).toBe(1)
  await untilTrusted(beside)
  expect(await replicas()).toBe(2)
  clock.stop()
  await untilTrusted(beside)
  await verdict(beside, secret)
  expect(await readings(() => verdict(beside, secret))).toBe(0)
  await change('disableApiKey', id)
  expect(await verdict(beside, secret)).toBe('401 DISABLED')
})

test('a connection that is cut ends the lease at once, and what it missed is not passed on', async () => {
  const beside = await serverBeside(world)
  const { id, secret } = await makeKey()
  expect(await verdict(beside, secret)).toBe('ACCEPTED')
  beside.hears.cut()
  await expect.poll(() => beside.lost.length, { timeout: 10_000 }).toBe(1)
  expect(beside.deps.replica.holdsLease).toBe(false)
  await change('disableApiKey', id)
  beside.hears.mend()
  await untilTrusted(beside)
  expect(await verdict(beside, secret)).toBe('401 DISABLED')
})

// The connection lives on, so that nothing tells the server but the database.
test('a listener that the database ends is replaced', async () => {
  const [{ secret }, meanwhile] = [await makeKey(), await makeKey()]
  const beside = await serverBeside(world)
  const admin = await session(world)
  await admin.query(`
    SELECT pg_terminate_backend(pid) FROM (
      SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'latchkey listener %'
       ORDER BY backend_start DESC LIMIT 1) AS listener`)
  await expect.poll(() => beside.lost.length, { timeout: 10_000 }).toBe(1)
  expect(await verdict(beside, meanwhile.secret)).toBe('ACCEPTED')
  jumpingClock().stop()
  await untilTrusted(beside)
  expect(await readings(() => verdict(beside, secret))).toBe(1)
  expect(await readings(() => verdict(beside, secret))).toBe(0)
})

/** A key that ends so soon that the test can wait for it, yet was remembered before it did. */
async function endingSoon(): Promise<{ secret: string; expiresAt: Date }> {
  for (let lifetimeMs = 2_000; ; lifetimeMs *= 2) {
    const { id, secret } = await makeKey()
    const expiresAt = new Date(Date.now() + lifetimeMs)
    const input = { id, expiresAt: expiresAt.toISOString() }
    expect((await attempt(world, workspace.secret, 'updateApiKey', input)).codes).toEqual([])
    if ((await verdict(world, secret)) === 'ACCEPTED') return { secret, expiresAt }
  }
}

const hasPassed = async (time: Date): Promise<boolean> => {
  const [row] = await world.deps.prisma.$queryRaw<{ hasPassed: boolean }[]>`
    SELECT clock_timestamp() > ${time} AS "hasPassed"`
  return row?.hasPassed === true
}

// By the process's clock one would live for two days more, or the other have ended a day ago.
test.each([-2, 2])(
  "what is remembered ends by the database's clock, whatever the process's says (%i days)",
  async (days) => {
    const lasting = await makeKey()
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString()
    await attempt(world, workspace.secret, 'updateApiKey', { id: lasting.id, expiresAt })
    expect(await verdict(world, lasting.secret)).toBe('ACCEPTED')
    const ending = await endingSoon()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())
    await expect.poll(() => hasPassed(ending.expiresAt), { timeout: 20_000 }).toBe(true)
    expect(await verdict(world, ending.secret)).toBe('401 EXPIRED')

    jumpingClock().stop()
    await untilTrusted(world)
    expect(await verdict(world, lasting.secret)).toBe('ACCEPTED')
    expect(await readings(() => verdict(world, lasting.secret))).toBe(0)
  },
)
