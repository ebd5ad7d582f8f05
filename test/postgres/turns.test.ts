import { expect, test } from 'vitest'
import { useWorld, world } from '../setup/use-world.ts'

useWorld()

// A workspace whose changes wait must not take the connections that another one needs.
test('while many changes of one workspace wait, another one is answered', async () => {
  const [busy, other] = [await world.createWorkspace(), await world.createWorkspace()]
  const waiting = await world.deps.prisma.$transaction(
    async (db) => {
      await db.$queryRaw`SELECT 1 FROM "Workspace" WHERE id = ${busy.id} FOR UPDATE`
      const changes = Array.from({ length: 30 }, (_, index) =>
        world.gql(
          busy.secret,
          `mutation { createSpace(input: { name: "s${index}" }) { space { id } } }`,
        ),
      )
      // The lock is kept until it is answered: none of those who wait goes before.
      const { status } = await world.gql(
        other.secret,
        '{ viewer { role } spaces { nodes { id } } }',
      )
      expect(status).toBe(200)
      return changes
    },
    { timeout: 10_000 },
  )
  const answers = await Promise.all(waiting)
  expect(answers.filter(({ data }) => data?.createSpace?.space)).toHaveLength(30)
})
