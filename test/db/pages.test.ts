import { expect, test } from 'vitest'
import { encodeCursor } from '../../src/db/page.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { type Filling, fill } from './fill.ts'

const rows = 30
const lists = [
  'accessTokens',
  'agents',
  'apiKeys',
  'members',
  'scopes',
  'sessions',
  'spaces',
] as const

useWorld()

interface PageOf {
  readonly nodes: readonly { readonly id: string }[]
  readonly edges: readonly { readonly cursor: string }[]
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
}

const selection = `edges { cursor } nodes { id }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`

/** One page of a list; `at` leads to it, e.g. through a parent. */
async function page(
  secret: string,
  list: string,
  first: number,
  after: string | null,
  [open, close]: readonly [string, string] = ['', ''],
): Promise<PageOf> {
  const query = `query ($first: Int, $after: String) {
    ${open} ${list}(first: $first, after: $after) { ${selection} } ${close} }`
  const { data, errors } = await world.gql(secret, query, { first, after })
  expect(errors).toEqual([])
  return (open ? data.parent : data)[list]
}

/** The ids of all pages from a cursor on, each page checked for what it says of itself. */
async function walk(
  secret: string,
  list: string,
  first: number,
  from: string | null = null,
  way?: readonly [string, string],
): Promise<string[]> {
  const found: string[] = []
  let after = from
  for (let pages = 0; pages < 40; pages++) {
    const { nodes, edges, pageInfo } = await page(secret, list, first, after, way)
    expect(pageInfo).toMatchObject({
      hasPreviousPage: after !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    })
    found.push(...nodes.map(({ id }) => id))
    if (!pageInfo.hasNextPage) return found
    expect(nodes).toHaveLength(first)
    after = pageInfo.endCursor
  }
  throw new Error('The pages do not end.')
}

const filled = async (): Promise<{ secret: string; id: string; its: Filling }> => {
  const workspace = await world.createWorkspace()
  return { ...workspace, its: await fill(world, workspace, rows) }
}

/** Without what a workspace begins with: its owner and their key, which are older. */
const onlyOf = (ids: readonly string[], found: readonly string[]): string[] =>
  found.filter((id) => ids.includes(id))

// Rows of one instant are told apart by their ids alone: none is shown twice, none never.
test.each(lists)('pages of 7 over 30 %s of one instant neither skip nor repeat', async (list) => {
  const { secret, its } = await filled()
  const expected = its[list].toSorted().toReversed()
  for (const first of [1, 7, 15, 30, 31]) {
    const found = await walk(secret, list, first)
    expect(onlyOf(its[list], found), `first: ${first}`).toEqual(expected)
    expect(new Set(found).size).toBe(found.length)
  }
})

test('nested pages of one instant neither skip nor repeat', async () => {
  const { secret, its } = await filled()
  const shared = its.spaces[0] ?? ''
  for (const [list, ids] of [
    ['agents', its.agents],
    ['members', its.members],
    ['apiKeys', its.apiKeys],
  ] as const) {
    const way = [`parent: space(id: "${shared}") {`, '}'] as const
    const found = await walk(secret, list, 7, null, way)
    expect(onlyOf(ids, found), list).toEqual(ids.toSorted().toReversed())
    expect(new Set(found).size).toBe(found.length)
  }
})

// Who pages while others work sees each row that stays exactly once.
test.each([
  ['agents', 'deleteAgent', 'deletedId'],
  ['members', 'removeMember', 'revokedKeyCount'],
  ['scopes', 'deleteScope', 'deletedId'],
  ['spaces', 'deleteSpace', 'deletedId'],
] as const)(
  'rows of %s that go and come between pages move no other',
  async (list, end, result) => {
    const { secret, id, its } = await filled()
    // A scope that live keys link to cannot be deleted.
    await world.deps.prisma.apiKeyScope.deleteMany({ where: { workspaceId: id } })
    const order = its[list].toSorted().toReversed()
    const [first, second] = [await page(secret, list, 7, null), order.slice(7)]
    expect(first.nodes.map((node) => node.id)).toEqual(order.slice(0, 7))
    // One that was shown, the one that the cursor names, the next one and one further on.
    const gone = [order[2], order[6], order[7], order[20]]
    for (const one of gone) await done(world, secret, end, result, { id: one })
    const make = seed(world, secret)
    const space = list === 'spaces' ? '' : (its.spaces[1] ?? '')
    const added = {
      agents: () => make.agent({ name: 'new', spaceIds: [space] }),
      members: async () => (await make.machine({ name: 'new', role: 'MEMBER' })).id,
      scopes: () => make.scope({ name: 'new' }),
      spaces: () => make.space({ name: 'new' }),
    }
    const newest = await added[list]()
    const rest = await walk(secret, list, 7, first.pageInfo.endCursor)
    expect(onlyOf(its[list], rest)).toEqual(second.filter((one) => !gone.includes(one)))
    expect(rest).not.toContain(newest)
    expect((await page(secret, list, 1, null)).nodes).toEqual([{ id: newest }])
  },
)

// A cursor is a place: that of another workspace's row tells nothing that a made-up one would not.
test("a cursor of another workspace's row is that of nothing", async () => {
  const [mine, theirs] = [await filled(), await filled()]
  const start = Date.now() - 1_000_000
  const at = (index: number): Date => new Date(start + index * 1_000)
  // A row of theirs for every row of mine, at the same instants.
  for (const { id, its } of [mine, theirs])
    for (const [index, agent] of its.agents.entries())
      await world.deps.prisma.agent.update({
        where: { workspaceId_id: { workspaceId: id, id: agent } },
        data: { createdAt: at(index) },
      })
  const foreign = await page(theirs.secret, 'agents', 30, null)
  for (const index of [0, 13, 29]) {
    const cursor = foreign.edges[29 - index]?.cursor ?? ''
    const theirId = theirs.its.agents[index] ?? ''
    const never = `${theirId.slice(0, -4)}zzzz`
    expect(cursor).toBe(encodeCursor({ createdAt: at(index), id: theirId }))
    const made = encodeCursor({ createdAt: at(index), id: never })
    const answer = await page(mine.secret, 'agents', 7, cursor)
    expect(answer).toEqual(await page(mine.secret, 'agents', 7, made))
    const order = mine.its.agents.slice(0, index + 1).toReversed()
    expect(answer.nodes.map(({ id }) => id)).toEqual(order.slice(0, 7))
  }
})
