import { beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint, verdict } from './ask.ts'

let a: string
let b: string
const agents: Record<string, string> = {}

useWorkspace()
beforeAll(async () => {
  a = await make.space({ name: 'A' })
  b = await make.space({ name: 'B' })
  agents.inA = await make.agent({ name: 'in A', spaceIds: [a] })
  agents.inB = await make.agent({ name: 'in B', spaceIds: [b] })
  agents.inBoth = await make.agent({ name: 'in both', spaceIds: [a, b] })
})

let count = 0
const asOwner = (mutation: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, '__typename', { ...input })

/** What the lists show to a credential, and whether their items agree. */
async function seen(secret: string): Promise<{ agents: string[]; spaces: string[] }> {
  const items = Object.entries(agents).map(([name, id]) => `${name}: agent(id: "${id}") { name }`)
  const { data, errors } = await world.gql(
    secret,
    `{ agents { nodes { name } } spaces { nodes { name agents { nodes { name } } } } ${items.join('\n')} }`,
  )
  expect(errors).toEqual([])
  const names = (nodes: { name: string }[]): string[] => nodes.map(({ name }) => name).sort()
  const single = Object.keys(agents).flatMap((name) => data[name] ?? [])
  const listed = names(data.agents.nodes)
  expect(names(single)).toEqual(listed)
  const nested = data.spaces.nodes.flatMap((space: any) => space.agents.nodes)
  expect(new Set(names(nested))).toEqual(new Set(listed))
  return { agents: listed, spaces: names(data.spaces.nodes) }
}

const reading = ['agents:read', 'spaces:read']

// Unanimity: an agent that also lives elsewhere is nobody's who reaches only one of its spaces.
test('a token never sees an agent that needs a space outside, whatever its key sees', async () => {
  const whole = ['in A', 'in B', 'in both']
  expect((await seen(workspace.secret)).agents).toEqual(whole)
  for (const [spaceIds, expected] of [
    [[a], ['in A']],
    [[b], ['in B']],
    [[a, b], whole],
    [[], []],
  ] as const) {
    const { token } = await mint(world, workspace.secret, { spaceIds })
    expect([spaceIds, (await seen(token)).agents]).toEqual([spaceIds, expected])
  }
  const { token } = await mint(world, workspace.secret, { spaceIds: [a] })
  const input = { id: agents.inBoth, name: 'taken' }
  expect(await outcome(world, token, 'updateAgent', input)).toEqual(['NOT_FOUND input.id'])
  expect(await outcome(world, token, 'createAgent', { name: 'x', spaceIds: [a, b] })).toEqual([
    'NOT_FOUND input.spaceIds.1',
  ])
})

/** A token of a key for A and B, of a person who was let into both. */
async function staged(role: string) {
  const human = await addHuman(world, workspace, role)
  for (const spaceId of [a, b])
    await asOwner('addSpaceMember', { spaceId, memberId: human.memberId })
  const scopeId = await make.scope({ name: `scope ${++count}`, permissions: ['agents:read'] })
  const key = await humanKey(world, workspace, human, {
    permissions: ['spaces:read'],
    scopes: [{ id: scopeId, permissions: [] }],
    grants: [a, b].map((spaceId) => ({ spaceId, narrowed: false, permissions: [] })),
  })
  const { token } = await mint(world, key.secret)
  expect(await seen(token)).toEqual({ agents: ['in A', 'in B', 'in both'], spaces: ['A', 'B'] })
  return { human, scopeId, key, token }
}

const grantsOf = (...ids: string[]) => ids.map((spaceId) => ({ spaceId }))

test("the key's spaces, its owner's and its scope's permissions are live in what a token sees", async () => {
  const { human, scopeId, key, token } = await staged('BUILDER')
  const inA = { agents: ['in A'], spaces: ['A'] }
  await asOwner('removeSpaceMember', { spaceId: b, memberId: human.memberId })
  expect(await seen(token)).toEqual(inA)
  await asOwner('addSpaceMember', { spaceId: b, memberId: human.memberId })
  expect((await seen(token)).spaces).toEqual(['A', 'B'])
  const narrowed = { spaceId: b, permissions: ['spaces:read'] }
  await asOwner('updateApiKey', { id: key.id, spaces: [...grantsOf(a), narrowed] })
  expect(await seen(token)).toEqual({ agents: ['in A'], spaces: ['A', 'B'] })
  await asOwner('updateApiKey', { id: key.id, spaces: grantsOf(a) })
  expect(await seen(token)).toEqual(inA)
  await asOwner('updateScope', { id: scopeId, permissions: [] })
  const { data, errors } = await world.gql(token, '{ agents { nodes { id } } }')
  expect(data).toEqual({ agents: null })
  expect(errors[0]?.extensions).toMatchObject({ missingPermissions: ['agents:read'] })
})

test('a demotion counts for the next request of a token', async () => {
  const human = await addHuman(world, workspace, 'OWNER')
  const key = await humanKey(world, workspace, human, { permissions: ['*'], allSpaces: true })
  const { token } = await mint(world, key.secret)
  expect((await seen(token)).spaces).toEqual(['A', 'B'])
  const input = { name: `scope ${++count}` }
  expect(await outcome(world, token, 'createScope', input)).toEqual(['done'])
  await asOwner('updateMember', { id: human.memberId, role: 'MEMBER' })
  expect(await seen(token)).toEqual({ agents: [], spaces: [] })
  expect(await outcome(world, token, 'createScope', { name: 'no' })).toEqual([
    'FORBIDDEN scopes:create',
  ])
  await asOwner('addSpaceMember', { spaceId: b, memberId: human.memberId })
  // For all spaces, as its key is: of those that a MEMBER reaches.
  expect(await seen(token)).toEqual({ agents: ['in B'], spaces: ['B'] })
})

test("of a BUILDER's key for all spaces a token has the spaces of its minting", async () => {
  const human = await addHuman(world, workspace, 'BUILDER')
  await asOwner('addSpaceMember', { spaceId: a, memberId: human.memberId })
  const key = await humanKey(world, workspace, human, { permissions: reading, allSpaces: true })
  const { token } = await mint(world, key.secret)
  await asOwner('addSpaceMember', { spaceId: b, memberId: human.memberId })
  expect((await seen(key.secret)).spaces).toEqual(['A', 'B'])
  expect(await seen(token)).toEqual({ agents: ['in A'], spaces: ['A'] })
})

test('a deleted space is gone from a token, and one that is left with none reaches none', async () => {
  const gone = await make.space({ name: 'gone' })
  const left = await make.agent({ name: 'left behind', spaceIds: [gone] })
  const listed = await mint(world, workspace.secret, { spaceIds: [gone] })
  const whole = await mint(world, workspace.secret, { permissions: reading })
  const own = `{ viewer { accessToken { spaceIds spaces { id } } } agent(id: "${left}") { id } }`
  const before = (await world.gql(listed.token, own)).data
  expect(before.viewer.accessToken).toEqual({ spaceIds: [gone], spaces: [{ id: gone }] })
  expect(before.agent).toEqual({ id: left })
  await asOwner('deleteSpace', { id: gone })
  expect((await world.gql(listed.token, own)).data).toEqual({
    viewer: { accessToken: { spaceIds: [], spaces: [] } },
    agent: null,
  })
  expect(await verdict(world, listed.token)).toBe('ACCEPTED')
  // An agent that was left behind is within reach of all spaces alone.
  expect((await world.gql(whole.token, own)).data.agent).toEqual({ id: left })
  await asOwner('deleteAgent', { id: left })
})

// A token is bound as its key is: where from, and by the workspace that it is of.
test("a token is held to its key's addresses and workspace", async () => {
  const key = await make.key({ name: 'bounded', allowedIps: ['192.0.2.0/24'] })
  const query = 'mutation { createAccessToken(input: {}) { token } }'
  const { data } = await world.gql(key.secret, query, undefined, { address: '192.0.2.1' })
  const { token } = data.createAccessToken
  const from = (address: string) => verdict(world, token, { address })
  expect(await from('192.0.2.9')).toBe('ACCEPTED')
  expect(await from('192.0.3.1')).toBe('401 IP_NOT_ALLOWED')
  expect(await verdict(world, token)).toBe('401 IP_NOT_ALLOWED')
  await asOwner('updateApiKey', { id: key.id, allowedIps: ['192.0.2.1'] })
  expect(await from('192.0.2.9')).toBe('401 IP_NOT_ALLOWED')
  const other = await world.createWorkspace()
  for (const [named, expected] of [
    [workspace.id, 'ACCEPTED'],
    [workspace.slug, 'ACCEPTED'],
    [other.id, '404 WORKSPACE_NOT_FOUND'],
    [other.slug, '404 WORKSPACE_NOT_FOUND'],
  ] as const) {
    const options = { address: '192.0.2.1', headers: { 'x-workspace-id': named } }
    expect(await verdict(world, token, options)).toBe(expected)
  }
})
