import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

/** More than are looked at before a caller is led to what they see by their spaces. */
const newer = 300

/** Whose agents are seen, and a space of others. */
let spaces: { readonly [name in 'a' | 'b' | 'others']: string }
/** By the order of the list. */
const seen: { readonly name: string; readonly status: string; readonly spaceIds: string[] }[] = []

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  const [a, b, others] = [
    await make.space({ name: 'a' }),
    await make.space({ name: 'b' }),
    await make.space({ name: 'others' }),
  ]
  spaces = { a, b, others }
  const { prisma } = world.deps
  const insert = async (name: string, second: number, spaceIds: string[], status = 'ACTIVE') => {
    const of = {
      workspaceId: workspace.id,
      createdAt: new Date(1_700_000_000_000 + second * 1_000),
    }
    const id = newId('agt')
    const agent = { ...of, id, name, status: status as 'ACTIVE', updatedAt: of.createdAt }
    await prisma.agent.create({ data: agent })
    const its = { workspaceId: of.workspaceId, agentId: id, agentCreatedAt: of.createdAt }
    await prisma.agentSpace.createMany({ data: spaceIds.map((spaceId) => ({ ...its, spaceId })) })
  }
  const places = [[a], [b], [a, b], [a, others], [others]]
  for (let second = 0; second < 60; second++) {
    const spaceIds = places[second % places.length] ?? []
    const status = second % 7 === 0 ? 'ARCHIVED' : 'ACTIVE'
    const name = `${second % 3 === 0 ? 'Third' : 'other'} ${second}`
    await insert(name, second, spaceIds, status)
    if (!spaceIds.includes(others)) seen.unshift({ name, status, spaceIds })
  }
  for (let second = 0; second < newer; second++) await insert('newer', 100 + second, [others])
  await insert('newest', 1_000, [a])
  seen.unshift({ name: 'newest', status: 'ACTIVE', spaceIds: [a] })
})

/** The names of all pages of 4, one after another. */
async function namesOf(secret: string, filter: object): Promise<string[]> {
  const names: string[] = []
  let after: string | null = null
  do {
    const { data, errors }: any = await world.gql(
      secret,
      `query ($filter: AgentFilter, $after: String) { agents(first: 4, after: $after, filter: $filter) {
        nodes { name } pageInfo { hasNextPage endCursor } } }`,
      { filter, after },
    )
    expect(errors).toEqual([])
    names.push(...data.agents.nodes.map(({ name }: { name: string }) => name))
    after = data.agents.pageInfo.hasNextPage ? data.agents.pageInfo.endCursor : null
  } while (after !== null)
  return names
}

test('who sees few among many agents sees all of these in pages, however narrowed', async () => {
  const { a, b, others } = spaces
  const make = seed(world, workspace.secret)
  const [few, all] = [
    await make.key({
      name: 'few',
      permissions: ['agents:read'],
      spaces: [{ spaceId: a }, { spaceId: b }],
    }),
    await make.key({ name: 'all', permissions: ['agents:read'], allSpaces: true }),
  ]
  const of = (isIt: (agent: (typeof seen)[number]) => boolean) =>
    seen.filter(isIt).map(({ name }) => name)
  expect(await namesOf(few.secret, {})).toEqual(of(() => true))
  expect(await namesOf(few.secret, { search: 'third' })).toEqual(
    of(({ name }) => name.startsWith('Third')),
  )
  expect(await namesOf(few.secret, { search: '%' })).toEqual([])
  expect(await namesOf(few.secret, { search: 'newer' })).toEqual([])
  expect(await namesOf(few.secret, { status: 'ARCHIVED' })).toEqual(
    of(({ status }) => status === 'ARCHIVED'),
  )
  const inB = of(({ spaceIds }) => spaceIds.includes(b))
  expect(await namesOf(few.secret, { spaceId: b })).toEqual(inB)
  expect(await namesOf(all.secret, { spaceId: b })).toEqual(inB)
  expect(await namesOf(few.secret, { spaceId: others })).toEqual([])
  expect(await namesOf(all.secret, { spaceId: others, search: 'other' })).toHaveLength(16)
})

test('an agent keeps its place in the lists of its spaces, wherever it is moved', async () => {
  const make = seed(world, workspace.secret)
  const id = await make.agent({ name: 'moved', spaceIds: [spaces.a] })
  const spaceIds = [spaces.b, spaces.others]
  await done(world, workspace.secret, 'updateAgent', 'agent { id }', { id, spaceIds })
  const places = await world.deps.prisma.$queryRaw`
    SELECT count(*)::int AS links, (count(*) FILTER (WHERE x."agentCreatedAt" <> a."createdAt"))::int AS wrong
      FROM "AgentSpace" x JOIN "Agent" a ON a."workspaceId" = x."workspaceId" AND a.id = x."agentId"
     WHERE a.id = ${id}`
  expect(places).toEqual([{ links: 2, wrong: 0 }])
})
