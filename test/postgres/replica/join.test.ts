import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createCredentialCache } from '../../../src/auth/credential-cache.ts'
import { soleReplica } from '../../../src/replication/replica.ts'
import { attempt, verdict } from '../../modules/api-key/ask.ts'
import { askOver } from '../../modules/api-key/second-app.ts'
import { replicaBeside } from '../../setup/second-server.ts'
import { seed } from '../../setup/seed.ts'
import type { OnTheWay } from '../../setup/tcp-proxy.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { World } from '../../setup/world.ts'
import { serverBeside, session, waitingForEver } from './servers.ts'

useWorkspace()

const makeKey = () => seed(world, workspace.secret).key({ name: randomUUID() })
const disable = (server: Pick<World, 'gql'>, id: string) =>
  attempt(server, workspace.secret, 'disableApiKey', { id })
const replicas = (): Promise<number> => world.deps.prisma.replica.count()

const kindOf = (piece: Buffer, at: number): string => String.fromCharCode(piece[at] ?? 0)

/**
 * Hands a notification on only between a statement and the end of its answer, as PgBouncer does in
 * transaction mode: in between the client has no session at all.
 */
function transactionPooler(): OnTheWay {
  let isAsking = false
  return {
    asked: () => {
      isAsking = true
    },
    answered: (piece) => {
      const kept: Buffer[] = []
      for (let at = 0; at + 5 <= piece.length; ) {
        const next = at + 1 + piece.readUInt32BE(at + 1)
        const kind = kindOf(piece, at)
        if (kind !== 'A' || isAsking) kept.push(piece.subarray(at, next))
        if (kind === 'Z') isAsking = false
        at = next
      }
      return Buffer.concat(kept)
    },
  }
}

test('behind a pooler of transactions every request reads, and nobody waits for the server', async () => {
  const beside = await serverBeside(world, transactionPooler())
  expect(beside.lost.map(({ message }) => message)).toEqual([
    'no notification comes back from the database: is there a pooler in between?',
  ])
  expect([beside.deps.replica.holdsLease, await replicas()]).toEqual([false, 1])
  const { id, secret } = await makeKey()
  expect(await verdict(beside, secret)).toBe('ACCEPTED')
  await disable(world, id)
  expect(await verdict(beside, secret)).toBe('401 DISABLED')
})

// A writer that does not see it waits for nobody.
test('no lease begins before writers can see whom to wait for', async () => {
  const holder = await session(world)
  await holder.query('BEGIN; LOCK TABLE "Replica" IN EXCLUSIVE MODE')
  const replica = await replicaBeside(world.deps)
  onTestFinished(() => replica.leave())
  const joined = replica.join(createCredentialCache(replica, 64))
  const until = performance.now() + 1_000
  while (performance.now() < until) {
    expect(replica.holdsLease).toBe(false)
    await sleep(10)
  }
  await holder.query('COMMIT')
  await joined
  expect(replica.holdsLease).toBe(true)
})

test('a server that is waited for no more, whoever took it off, trusts nothing soon', async () => {
  const { prisma } = world.deps
  const others = await prisma.replica.findMany()
  const replica = await replicaBeside(world.deps)
  onTestFinished(() => replica.leave())
  await replica.join(createCredentialCache(replica, 64))
  await prisma.replica.deleteMany({ where: { NOT: { id: { in: others.map(({ id }) => id) } } } })
  await sleep(1_300)
  expect(replica.holdsLease).toBe(false)
})

// As in an upgrade, where servers of the version before go on.
test('what a server that knows nothing of replicas changes is heard of all the same', async () => {
  const beside = await serverBeside(world)
  const forgetful = createCredentialCache({ holdsLease: false, now: () => new Date() }, 64)
  const older = askOver({ ...world.deps, replica: soleReplica, credentials: forgetful })
  const { id, secret } = await makeKey()
  expect(await verdict(beside, secret)).toBe('ACCEPTED')
  expect((await disable(older, id)).codes).toEqual([])
  // Heard of, for what is remembered is not read again while a lease is held.
  await expect.poll(() => verdict(beside, secret), { timeout: 10_000 }).toBe('401 DISABLED')
})

test('a writer that loses its own connection in the middle takes nobody for silent', async () => {
  const healthy = await serverBeside(world)
  const writer = await serverBeside(world)
  for (let turn = 0; turn < 3; turn += 1) {
    const letTimePass = waitingForEver()
    const { id, secret } = await makeKey()
    expect(await verdict(healthy, secret)).toBe('ACCEPTED')
    letTimePass()
    const disabling = disable(writer, id)
    writer.hears.cut()
    writer.hears.mend()
    expect((await disabling).codes).toEqual([])
    expect(await verdict(healthy, secret)).toBe('401 DISABLED')
  }
  await sleep(1_500)
  expect(healthy.lost).toEqual([])
})

test.each([0, 400])(
  'a server ends soon when nothing comes through any more, %i ms later',
  async (ms) => {
    const beside = await serverBeside(world)
    beside.hears.hang()
    await sleep(ms)
    waitingForEver()
    const leaving = beside.deps.replica.leave()
    // Less than a query has, and nothing waits longer.
    vi.advanceTimersByTime(3_000)
    await leaving
    beside.hears.mend()
  },
)
