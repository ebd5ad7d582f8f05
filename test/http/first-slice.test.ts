import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

test('an integration with a key for two of five spaces sees exactly what lies in them', async () => {
  const make = seed(world, workspace.secret)
  const spaces = await Promise.all(['A', 'B', 'C', 'D', 'E'].map((name) => make.space({ name })))
  const [a = '', b = '', c = ''] = spaces
  const inside = await make.agent({ name: 'inside', spaceIds: [a, b] })
  const across = await make.agent({ name: 'across', spaceIds: [a, c] })
  const key = await make.key({
    name: 'two spaces',
    permissions: ['spaces:read', 'agents:read'],
    spaces: [{ spaceId: a }, { spaceId: b }],
  })
  const { data, errors } = await world.gql(
    key.secret,
    `query ($inside: ID!, $across: ID!) {
      viewer { user { name } spaces { spaceId permissions } }
      spaces { nodes { id agents { nodes { id } } } }
      agents { nodes { id } }
      inside: agent(id: $inside) { name spaces { id } }
      across: agent(id: $across) { name }
    }`,
    { inside, across },
  )
  expect(errors).toEqual([])
  expect(data.spaces.nodes.map((space: { id: string }) => space.id).sort()).toEqual([a, b].sort())
  expect(data.agents.nodes).toEqual([{ id: inside }])
  expect(data.inside.name).toBe('inside')
  expect(data.across).toBeNull()
})

test('introspection is answered without a credential, and nothing else is', async () => {
  const schema = await world.gql(null, '{ __schema { queryType { name } } }')
  expect(schema.data).toEqual({ __schema: { queryType: { name: 'Query' } } })
  const viewer = await world.gql(null, '{ __typename viewer { kind } }')
  expect(viewer.status).toBe(401)
  expect(viewer.errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'MISSING' })
})
