import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { watchStatements } from '../setup/statements.ts'
import { createWorld } from '../setup/world.ts'

// Also of rows that parents share: which they are and what they hold is read by one statement.
test('a page of each of many lists is as it was when it was looked for', async () => {
  const statements = watchStatements()
  const world = await createWorld()
  try {
    const workspace = await world.createWorkspace()
    const make = seed(world, workspace.secret)
    const space = await make.space({ name: 'S' })
    const agents: string[] = []
    for (const name of ['a', 'b', 'c', 'd'])
      agents.push(await make.agent({ name, spaceIds: [space] }))
    statements.answering = async (text) => {
      if (!text.includes('AS "parentId"')) return
      statements.answering = () => undefined
      await world.deps.prisma.agent.update({
        where: { workspaceId_id: { workspaceId: workspace.id, id: agents[3] ?? '' } },
        data: { deletedAt: new Date() },
      })
    }
    const { data } = await world.gql(
      workspace.secret,
      '{ spaces { nodes { agents(first: 2) { nodes { name } pageInfo { hasNextPage } } } } }',
    )
    expect(data.spaces.nodes).toEqual([
      { agents: { nodes: [{ name: 'd' }, { name: 'c' }], pageInfo: { hasNextPage: true } } },
    ])
  } finally {
    statements.stop()
    await world.close()
  }
})
