import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type View, view } from '../setup/view.ts'
import { inputOf, wanted } from './generated-keys.ts'

interface Placed {
  readonly id: string
  readonly spaceIds: readonly string[]
}

const spaceIds: string[] = []
const agents: Placed[] = []
const owners: { readonly id: string; readonly userId: string; readonly spaceIds: string[] }[] = []
/** Of a deleted agent and a deleted space, of another workspace's, and of nothing. */
const absent = { agents: [] as string[], spaces: [] as string[] }

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  for (const name of ['A', 'B', 'C', 'gone'])
    spaceIds.push(await make.space({ name, visibility: name === 'A' ? 'OPEN' : 'RESTRICTED' }))
  for (let mask = 1; mask < 16; mask++) {
    const its = spaceIds.filter((_, bit) => mask & (1 << bit))
    agents.push({ id: await make.agent({ name: `${mask}`, spaceIds: its }), spaceIds: its })
  }
  const gone = await make.agent({ name: 'gone', spaceIds: spaceIds.slice(0, 1) })
  await done(world, workspace.secret, 'deleteAgent', 'deletedId', { id: gone })
  for (const [index, role] of (['ADMIN', 'BUILDER', 'MEMBER'] as const).entries()) {
    const its = spaceIds.slice(index, index + 2)
    owners.push({ ...(await make.machine({ name: role, role, spaceIds: its })), spaceIds: its })
  }
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaceIds[3] })
  const other = seed(world, (await world.createWorkspace()).secret)
  const foreign = await other.space({ name: 'foreign' })
  absent.agents.push(gone, await other.agent({ name: 'foreign', spaceIds: [foreign] }), 'x')
  absent.spaces.push(spaceIds[3] ?? '', foreign, 'x')
})

/** What the view says of one who looks, by the rule written here once more. */
function visible(rights: View) {
  const holds = (permission: string, id: string) =>
    rights.allSpaces
      ? rights.permissions.includes(permission)
      : rights.spaces[id]?.includes(permission)
  const spaces = spaceIds.slice(0, 3).filter((id) => holds('spaces:read', id))
  const seen = agents.filter((agent) => agent.spaceIds.every((id) => holds('agents:read', id)))
  return { spaces, agents: seen }
}

type Nodes = { readonly nodes: readonly { readonly id: string }[] } | null
const idsOf = (list: Nodes): string[] => (list?.nodes ?? []).map(({ id }) => id).sort()
const items = (name: string, ids: readonly string[]): string =>
  ids.map((id, index) => `${name}${index}: ${name}(id: "${id}") { id }`).join(' ')
const found = (data: any, name: string, ids: readonly string[]): string[] =>
  ids.flatMap((_, index) => data[`${name}${index}`]?.id ?? []).sort()

// Each way of asking has its own condition: a typed one of lists, a judgement of items, SQL of nested
// pages. Who asks in a way whose permission they lack is given null.
test('lists, filters, items and lists inside lists show what the rights say, and nothing else', {
  timeout: 120_000,
}, async () => {
  const ids = {
    agents: [...agents.map(({ id }) => id), ...absent.agents],
    spaces: [...spaceIds, ...absent.spaces],
  }
  let count = 0
  const check = async (
    key: typeof wanted extends fc.Arbitrary<infer T> ? T : never,
    by: number,
  ) => {
    const owner = owners[by]
    const { secret } = await done(world, workspace.secret, 'createApiKey', 'secret', {
      name: `key ${++count}`,
      ownerId: owner?.userId,
      ...inputOf(key, spaceIds),
    })
    const expected = visible((await view(world, secret)) as View)
    const { data } = await world.gql(
      secret,
      `{ agents { nodes { id } } spaces { nodes { id agents { nodes { id } } } }
        members { nodes { id spaces { nodes { id } } } }
        ${spaceIds.map((id, n) => `in${n}: agents(filter: { spaceId: "${id}" }) { nodes { id } }`).join(' ')} }`,
    )
    const [its, places] = [
      await world.gql(secret, `{ ${items('agent', ids.agents)} }`),
      await world.gql(secret, `{ ${items('space', ids.spaces)} }`),
    ]
    const agentIds = expected.agents.map(({ id }) => id).sort()
    const livingIn = (id: string) =>
      expected.agents
        .filter((agent) => agent.spaceIds.includes(id))
        .map((agent) => agent.id)
        .sort()
    expect(idsOf(data.agents)).toEqual(agentIds)
    expect(found(its.data, 'agent', ids.agents)).toEqual(agentIds)
    expect(idsOf(data.spaces)).toEqual(expected.spaces.toSorted())
    expect(found(places.data, 'space', ids.spaces)).toEqual(expected.spaces.toSorted())
    for (const [n, id] of spaceIds.entries()) expect(idsOf(data[`in${n}`])).toEqual(livingIn(id))
    for (const space of data.spaces?.nodes ?? [])
      expect(idsOf(space.agents)).toEqual(livingIn(space.id))
    for (const member of data.members?.nodes ?? []) {
      const theirs = owners.find(({ id }) => id === member.id)?.spaceIds ?? []
      expect(idsOf(member.spaces)).toEqual(
        theirs.filter((id) => expected.spaces.includes(id)).sort(),
      )
    }
  }
  await fc.assert(fc.asyncProperty(wanted, fc.nat({ max: owners.length - 1 }), check), {
    numRuns: 40,
  })
})
