import { afterEach, expect, test, vi } from 'vitest'
import { queueDepth } from '../../src/transactions/workspace-mutex.ts'
import { eventually } from '../setup/eventually.ts'
import { useWorld, world } from '../setup/use-world.ts'

useWorld()
afterEach(() => void vi.restoreAllMocks())

// Whoever asked has gone by then, and may have asked again: a late change would be done for nobody.
test('a change whose turn comes too late is not begun', async () => {
  const { id: workspaceId, secret } = await world.createWorkspace()
  const create = (name: string) =>
    world.gql(secret, `mutation { createSpace(input: { name: "${name}" }) { space { name } } }`)
  await create('before')
  // The caller is known, so that an embedded database that is busy does not keep them from the line.
  await world.gql(secret, '{ viewer { kind } }')
  const sent = await world.deps.prisma.$transaction(
    async (db) => {
      await db.$queryRaw`SELECT 1 FROM "Workspace" WHERE id = ${workspaceId} FOR UPDATE`
      const changes = ['a', 'b', 'c'].map(create)
      // All of them have arrived, in whatever order.
      await eventually(() =>
        expect(queueDepth(world.deps.prisma, workspaceId)).toBe(changes.length),
      )
      const now = performance.now.bind(performance)
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 11_000)
      return changes
    },
    { timeout: 10_000 },
  )
  const answers = await Promise.all(sent)
  const done = answers.flatMap(({ data }) => data?.createSpace?.space.name ?? [])
  expect(done).toHaveLength(1)
  const late = answers.filter(({ status }) => status !== 200)
  expect(late).toHaveLength(2)
  for (const { status, headers, errors } of late) {
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE'])
  }
  expect((await create('after')).data.createSpace.space.name).toBe('after')
  const stored = await world.deps.prisma.space.findMany({ where: { workspaceId } })
  expect(stored.map(({ name }) => name).sort()).toEqual([...done, 'after', 'before'].sort())
})
