import { expect, inject, test } from 'vitest'
import { queueDepth } from '../../../src/transactions/workspace-mutex.ts'
import { serverBeside, session } from '../../postgres/replica/servers.ts'
import { eventually } from '../../setup/eventually.ts'
import { holdLine, waitingForLocks } from '../../setup/in-line.ts'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { World } from '../../setup/world.ts'
import { attempt, verdict } from './ask.ts'

const postgres = inject('postgres')

useWorld()

/** A server, and its line of a workspace's changes. */
interface Front extends Pick<World, 'gql'> {
  readonly deps: Pick<World['deps'], 'prisma'>
}

/**
 * Keeps everybody from the workspace while `begin` is called, until so many requests wait in the line
 * of each server: every one has been authenticated before the first of them goes on. On PostgreSQL the
 * first of each line waits for the lock, so that the servers race for it.
 */
async function underLock<T>(
  workspaceId: string,
  fronts: readonly Front[],
  waiting: number,
  begin: () => T,
): Promise<T> {
  const inLines = (count: number) =>
    eventually(() => {
      const lengths = fronts.map(({ deps }) => queueDepth(deps.prisma, workspaceId))
      expect(lengths).toEqual(fronts.map(() => count))
    })
  if (!postgres) {
    const line = holdLine(world.deps, workspaceId)
    const begun = begin()
    await line.waiting(waiting)
    await line.open()
    return begun
  }
  const holder = await session(world)
  await holder.query('BEGIN')
  await holder.query('SELECT 1 FROM "Workspace" WHERE id = $1 FOR UPDATE', [workspaceId])
  const begun = begin()
  await inLines(waiting)
  await waitingForLocks(world.deps.prisma, fronts.length)
  await holder.query('COMMIT')
  return begun
}

async function race(fronts: readonly Front[]): Promise<void> {
  const workspace = await world.createWorkspace()
  const key = await seed(world, workspace.secret).key({ name: 'raced' })
  // The caller is known before the race: nobody is held up by being looked up.
  for (const front of fronts) expect(await verdict(front, workspace.secret)).toBe('ACCEPTED')

  const rotate = (_: unknown, index: number) =>
    attempt(
      fronts[index % fronts.length] ?? world,
      workspace.secret,
      'rotateApiKey',
      { id: key.id },
      'secret apiKey { id }',
    )
  const answers = await Promise.all(
    await underLock(workspace.id, fronts, 20 / fronts.length, () =>
      Array.from({ length: 20 }, rotate),
    ),
  )

  const won = answers.filter(({ codes }) => codes.length === 0)
  const lost = answers.filter(({ codes }) => codes.length > 0)
  expect(lost.map(({ codes }) => codes)).toEqual(Array(19).fill(['CONFLICT']))
  for (const { payload } of lost) expect(payload).toMatchObject({ secret: null, apiKey: null })
  expect(won).toHaveLength(1)
  for (const front of fronts) {
    expect(await verdict(front, won[0]?.payload.secret)).toBe('ACCEPTED')
    expect(await verdict(front, key.secret)).toBe('ACCEPTED')
  }
  expect(await world.deps.prisma.apiKeySecret.count({ where: { keyId: key.id } })).toBe(2)
  const events = { targetId: key.id, action: 'api_key.rotated' }
  expect(await world.deps.prisma.auditEvent.count({ where: events })).toBe(1)
}

// Of two who rotate at once one would be given a secret that the other has just ended.
test('of 20 rotations at once exactly one gets a secret, and that one works', () => race([world]))

// Replicas know nothing of each other but what the database says.
if (postgres)
  test('so it is over two servers on one database', async () => {
    await race([world, await serverBeside(world)])
  })

// The rotation's secret acts for the old owner: it must not work on for the new one.
test("transferApiKey and rotateApiKey at once: of their secrets only the transfer's works", async () => {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const key = await make.key({ name: 'raced' })
  await verdict(world, workspace.secret)
  const input = { id: key.id, ownerId: robot.userId }
  const [rotated, transferred] = await Promise.all(
    await underLock(workspace.id, [world], 2, () => [
      attempt(world, workspace.secret, 'rotateApiKey', { id: key.id }, 'secret'),
      attempt(world, workspace.secret, 'transferApiKey', input, 'secret'),
    ]),
  )
  expect([[], ['CONFLICT']]).toContainEqual(rotated?.codes)
  expect(transferred?.codes).toEqual([])
  expect(await verdict(world, transferred?.payload.secret)).toBe('ACCEPTED')
  for (const secret of [key.secret, rotated?.payload.secret])
    if (secret) expect(await verdict(world, secret)).toBe('401 ROTATED')
})
