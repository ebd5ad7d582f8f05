import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

// The id of a key that the caller does not see is nowhere: not as a maker, not by a filter.
test('the maker of a key is told to who sees the maker', async () => {
  const make = seed(world, workspace.secret)
  const [a, b] = [await make.space({ name: 'a' }), await make.space({ name: 'b' })]
  const permissions = ['keys:read', 'keys:create', 'spaces:read']
  const hidden = await make.key({
    name: 'hidden',
    permissions,
    spaces: [{ spaceId: a }, { spaceId: b }],
  })
  const made = await seed(world, hidden.secret).key({
    name: 'made',
    permissions: ['spaces:read'],
    spaces: [{ spaceId: a }],
  })
  const looking = await make.key({ name: 'looking', permissions, spaces: [{ spaceId: a }] })
  const query = `query ($made: ID!, $maker: ID!) {
    apiKey(id: $made) { createdByKeyId }
    apiKeys(filter: { createdByKeyId: $maker }) { nodes { id } }
  }`
  const variables = { made: made.id, maker: hidden.id }
  const limited = await world.gql(looking.secret, query, variables)
  expect(limited.data).toEqual({ apiKey: { createdByKeyId: null }, apiKeys: { nodes: [] } })
  const owner = await world.gql(workspace.secret, query, variables)
  expect(owner.data).toEqual({
    apiKey: { createdByKeyId: hidden.id },
    apiKeys: { nodes: [{ id: made.id }] },
  })
})

test('who may not read keys is told the maker of none, their own included', async () => {
  const make = seed(world, workspace.secret)
  const maker = await make.key({ name: 'maker', permissions: ['keys:read', 'keys:create'] })
  const made = await seed(world, maker.secret).key({ name: 'blind' })
  const { data } = await world.gql(made.secret, '{ viewer { apiKey { id createdByKeyId } } }')
  expect(data.viewer.apiKey).toEqual({ id: made.id, createdByKeyId: null })
})

// A role whose permissions on keys end at their own learns nothing of who else there is.
test('who may make only their own keys is told the same of every other owner', async () => {
  const make = seed(world, workspace.secret)
  const [member, other] = [
    await make.machine({ name: 'member', role: 'MEMBER' }),
    await make.machine({ name: 'other', role: 'MEMBER' }),
  ]
  const key = await make.key({
    name: 'of a member',
    ownerId: member.userId,
    permissions: ['keys:read', 'keys:create'],
  })
  const create = `mutation ($ownerId: ID!) {
    createApiKey(input: { name: "x", ownerId: $ownerId }) { secret errors { code } }
  }`
  const answers = await Promise.all(
    [other.userId, `usr_${'0'.repeat(26)}`, 'nonsense'].map(async (ownerId) => {
      const { status, data, errors } = await world.gql(key.secret, create, { ownerId })
      return { status, data, codes: errors.map(({ extensions }) => extensions.code) }
    }),
  )
  expect(answers).toEqual(
    Array(3).fill({ status: 200, data: { createApiKey: null }, codes: ['FORBIDDEN'] }),
  )
})
