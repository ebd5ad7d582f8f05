import { beforeEach, expect, test } from 'vitest'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'

let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let a = ''
let b = ''
let c = ''

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  a = await make.space({ name: 'A' })
  b = await make.space({ name: 'B' })
  c = await make.space({ name: 'C' })
})

const permissions = ['spaces:read', 'agents:read', 'agents:create', 'agents:update']

/** What a key sees of agents, by every way of asking, as their names. */
async function seen(secret: string, agentIds: readonly string[]): Promise<any> {
  const { data, errors } = await world.gql(
    secret,
    `{ agents { nodes { name } }
      spaces { nodes { name agents { nodes { name } } } }
      ${agentIds.map((id, index) => `a${index}: agent(id: "${id}") { name }`).join('\n')}
      ${[a, b, c].map((id, index) => `f${index}: agents(filter: { spaceId: "${id}" }) { nodes { name } }`).join('\n')}
    }`,
  )
  expect(errors).toEqual([])
  const names = (nodes: { name: string }[]): string[] => nodes.map(({ name }) => name).sort()
  const items = agentIds.flatMap((_, index) => data[`a${index}`] ?? [])
  const list = names(data.agents.nodes)
  expect(names(items)).toEqual(list)
  const filtered = [0, 1, 2].flatMap((index) => names(data[`f${index}`].nodes))
  expect([...new Set(filtered)].sort()).toEqual(list)
  return {
    agents: list,
    spaces: Object.fromEntries(
      data.spaces.nodes.map((space: any) => [space.name, names(space.agents.nodes)]),
    ),
  }
}

const update = (secret: string, input: object) =>
  world.gql(
    secret,
    `mutation ($input: UpdateAgentInput!) {
      updateAgent(input: $input) { agent { spaceIds } errors { code path } } }`,
    { input },
  )

// A grant that leaves agents:read out hides every agent of its space, also those that live in a
// second space where it is held.
test('a grant narrowed to spaces:read shows the space and none of its agents', async () => {
  const inA = await make.agent({ name: 'in A', spaceIds: [a] })
  const inB = await make.agent({ name: 'in B', spaceIds: [b] })
  const inBoth = await make.agent({ name: 'in both', spaceIds: [a, b] })
  const { secret } = await make.key({
    name: 'narrowed',
    permissions,
    spaces: [{ spaceId: a, permissions: ['spaces:read'] }, { spaceId: b }],
  })
  expect(await seen(secret, [inA, inB, inBoth])).toEqual({
    agents: ['in B'],
    spaces: { A: [], B: ['in B'] },
  })
  for (const id of [inA, inBoth]) {
    const { data } = await update(secret, { id, name: 'taken' })
    expect(data.updateAgent.errors).toEqual([{ code: 'NOT_FOUND', path: ['input', 'id'] }])
  }
  // Into a space that it sees and may not use: refused, and told what is missing.
  const moved = await update(secret, { id: inB, spaceIds: [a, b] })
  expect(moved.errors[0]?.extensions).toMatchObject({
    code: 'FORBIDDEN',
    missingPermissions: ['agents:update'],
  })
})

// The other way round: agents:read without spaces:read shows agents, and none of their spaces.
test('a grant narrowed to agents:read shows the agents and hides the space itself', async () => {
  const inBoth = await make.agent({ name: 'in both', spaceIds: [a, b] })
  const { secret } = await make.key({
    name: 'narrowed',
    permissions,
    spaces: [{ spaceId: a, permissions: ['agents:read'] }, { spaceId: b }],
  })
  expect(await seen(secret, [inBoth])).toEqual({ agents: ['in both'], spaces: { B: ['in both'] } })
  const { data } = await world.gql(secret, `{ agent(id: "${inBoth}") { spaces { name } } }`)
  expect(data.agent.spaces).toEqual([{ name: 'B' }])
  // Seen, but not to be changed: held in one of its two spaces only.
  const { errors } = await update(secret, { id: inBoth, name: 'renamed' })
  expect(errors[0]?.extensions).toMatchObject({
    code: 'FORBIDDEN',
    requiredPermissions: ['agents:update'],
    missingPermissions: ['agents:update'],
  })
})

// A grant narrowed to nothing grants nothing: an empty list never widens.
test('a grant narrowed to nothing hides the space and its agents', async () => {
  const inA = await make.agent({ name: 'in A', spaceIds: [a] })
  const { secret } = await make.key({
    name: 'empty',
    permissions,
    spaces: [{ spaceId: a, permissions: [] }],
  })
  expect(await seen(secret, [inA])).toEqual({ agents: [], spaces: {} })
})

// Deleting a space must not bring its agents into reach of who had only their other spaces.
test('agents of a deleted space are seen with all spaces only, until their spaces are set anew', async () => {
  const inA = await make.agent({ name: 'in A', spaceIds: [a] })
  const inBoth = await make.agent({ name: 'in both', spaceIds: [a, c] })
  const inC = await make.agent({ name: 'in C', spaceIds: [c] })
  const all = [inA, inBoth, inC]
  const admin = await make.machine({ name: 'admin', role: 'ADMIN' })
  const builder = await make.machine({ name: 'builder', role: 'BUILDER', spaceIds: [a, b, c] })
  const spaces = [a, b, c].map((spaceId) => ({ spaceId }))
  const { secret: listed } = await make.key({ name: 'listed', permissions, spaces })
  const { secret: adminAll } = await make.key({
    name: 'admin',
    ownerId: admin.userId,
    permissions,
    allSpaces: true,
  })
  const { secret: builderAll } = await make.key({
    name: 'builder',
    ownerId: builder.userId,
    permissions,
    allSpaces: true,
  })
  for (const secret of [listed, adminAll, builderAll])
    expect((await seen(secret, all)).agents).toEqual(['in A', 'in C', 'in both'])

  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: c })

  for (const secret of [listed, builderAll]) {
    expect(await seen(secret, all)).toEqual({ agents: ['in A'], spaces: { A: ['in A'], B: [] } })
    for (const id of [inBoth, inC]) {
      const { data } = await update(secret, { id, spaceIds: [a] })
      expect(data.updateAgent.errors).toEqual([{ code: 'NOT_FOUND', path: ['input', 'id'] }])
    }
  }
  for (const secret of [workspace.secret, adminAll]) {
    const { agents, spaces } = await seen(secret, all)
    expect(agents).toEqual(['in A', 'in C', 'in both'])
    expect(spaces).toEqual({ A: ['in A', 'in both'], B: [] })
  }

  // The deleted space itself is nowhere, and cannot be put back among them.
  const back = await update(workspace.secret, { id: inC, spaceIds: [b, c] })
  expect(back.data.updateAgent.errors).toEqual([
    { code: 'NOT_FOUND', path: ['input', 'spaceIds', '1'] },
  ])
  for (const [secret, id] of [
    [workspace.secret, inBoth],
    [adminAll, inC],
  ] as const) {
    const { data, errors } = await update(secret, { id, spaceIds: [a] })
    expect(errors).toEqual([])
    expect(data.updateAgent).toEqual({ agent: { spaceIds: [a] }, errors: [] })
  }
  for (const secret of [listed, builderAll])
    expect((await seen(secret, all)).agents).toEqual(['in A', 'in C', 'in both'])
})

// What is deleted is gone for everybody, its maker included.
test('a deleted agent is nowhere, and nothing can be done with it', async () => {
  const kept = await make.agent({ name: 'kept', spaceIds: [a] })
  const gone = await make.agent({ name: 'gone', spaceIds: [a] })
  const { secret } = await make.key({ name: 'k', permissions, spaces: [{ spaceId: a }] })
  expect((await seen(secret, [kept, gone])).agents).toEqual(['gone', 'kept'])
  await done(world, workspace.secret, 'deleteAgent', 'deletedId', { id: gone })
  for (const caller of [secret, workspace.secret]) {
    expect(await seen(caller, [kept, gone])).toMatchObject({
      agents: ['kept'],
      spaces: { A: ['kept'] },
    })
    const { data } = await update(caller, { id: gone, name: 'back' })
    expect(data.updateAgent.errors).toEqual([{ code: 'NOT_FOUND', path: ['input', 'id'] }])
  }
})
