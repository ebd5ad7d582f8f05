import { beforeAll, expect, test } from 'vitest'
import { inParts } from '../setup/in-parts.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'
import { insertKey } from './insert-key.ts'

// Spaces are bits, and sets of spaces are masks: 0b00011 is A and B.
const letters = ['A', 'B', 'C', 'D', 'E']
const everything = 0b11111
const subsets = Array.from({ length: 32 }, (_, mask) => mask)
const agentMasks = subsets.slice(1)

/** What an owner of the role reaches: C is open, and the rest takes membership or a high role. */
const reach = { OWNER: everything, ADMIN: everything, BUILDER: 0b00111, MEMBER: 0b01110 }
type RoleName = keyof typeof reach
const roles = Object.keys(reach) as RoleName[]
const memberOf = { ADMIN: 0b00001, BUILDER: 0b00011, MEMBER: 0b01010 }

const isInside = (inner: number, outer: number): boolean => (inner & outer) === inner

const spaceIds: string[] = []
const agentIds = new Map<number, string>()
const owners = new Map<RoleName, string>()

const spacesIn = (mask: number): string[] => spaceIds.filter((_, bit) => mask & (1 << bit))
const idOf = (mask: number): string => agentIds.get(mask) ?? ''
const idsOf = (masks: readonly number[]): string[] => masks.map(idOf).sort()
const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id).sort()

const permissions = [
  'spaces:read',
  'agents:read',
  'agents:create',
  'agents:update',
  'agents:delete',
]

/** A key of the role's user that names these spaces. */
const keyFor = (role: RoleName, mask: number) =>
  insertKey(world, {
    workspaceId: workspace.id,
    ownerId: owners.get(role) ?? '',
    permissions,
    spaceIds: spacesIn(mask),
  })

const aliased = (entries: readonly (readonly [string, string])[]): string[] =>
  entries.map(([alias, field]) => `${alias}: ${field}`)

useWorkspace()
beforeAll(async () => {
  for (const name of letters)
    spaceIds.push(await make.space({ name, visibility: name === 'C' ? 'OPEN' : 'RESTRICTED' }))
  for (const mask of agentMasks)
    agentIds.set(mask, await make.agent({ name: `agent ${mask}`, spaceIds: spacesIn(mask) }))
  owners.set('OWNER', workspace.ownerId)
  for (const role of ['ADMIN', 'BUILDER', 'MEMBER'] as const) {
    const member = await make.machine({ name: role, role, spaceIds: spacesIn(memberOf[role]) })
    owners.set(role, member.userId)
  }
})

async function gql(secret: string, query: string, variables = {}): Promise<any> {
  const { data, errors } = await world.gql(secret, query, variables)
  expect(errors).toEqual([])
  return data
}

async function walk(secret: string): Promise<string[]> {
  const found: string[] = []
  let after: string | null = null
  do {
    const query = `query ($after: String) { agents(first: 3, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } }`
    const { nodes, pageInfo }: any = (await gql(secret, query, { after })).agents
    found.push(...nodes.map(({ id }: { id: string }) => id))
    expect(nodes.length === 3 || !pageInfo.hasNextPage).toBe(true)
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null
  } while (after !== null)
  return found
}

// Unanimity: an agent is there for a key exactly when the key and its owner reach every one of its
// spaces, and every way of asking tells the same.
test.each(roles)('whatever spaces a key of the role %s names, all queries agree', async (role) => {
  for (const keyMask of subsets) {
    const { secret } = await keyFor(role, keyMask)
    const effective = keyMask & reach[role]
    const visible = agentMasks.filter((mask) => isInside(mask, effective))

    const items = await inParts(
      world,
      secret,
      'query',
      aliased(
        agentMasks.map((mask) => [
          `a${mask}`,
          `agent(id: "${idOf(mask)}") { id spaceIds spaces { id } }`,
        ]),
      ),
    )
    for (const mask of agentMasks)
      expect(items[`a${mask}`], `agent ${mask} by key ${keyMask}`).toEqual(
        visible.includes(mask)
          ? {
              id: idOf(mask),
              spaceIds: spacesIn(mask).sort(),
              spaces: spacesIn(mask)
                .sort()
                .map((id) => ({ id })),
            }
          : null,
      )

    const lists = await gql(
      secret,
      `{ viewer { allSpaces spaces { spaceId } }
        agents(first: 100) { nodes { id } pageInfo { hasNextPage } }
        spaces(first: 50) { nodes { id agents(first: 100) { nodes { id } } } }
        ${aliased(spaceIds.map((id, bit) => [`s${bit}`, `space(id: "${id}") { agents(first: 100) { nodes { id } } }`])).join('\n')}
        ${aliased(spaceIds.map((id, bit) => [`f${bit}`, `agents(first: 100, filter: { spaceId: "${id}" }) { nodes { id } }`])).join('\n')}
      }`,
    )
    expect(lists.viewer.allSpaces).toBe(false)
    expect(lists.viewer.spaces.map((space: any) => space.spaceId).sort()).toEqual(
      spacesIn(effective).sort(),
    )
    expect(ids(lists.agents.nodes)).toEqual(idsOf(visible))
    expect(lists.agents.pageInfo.hasNextPage).toBe(false)
    expect(ids(lists.spaces.nodes)).toEqual(spacesIn(effective).sort())
    letters.forEach((_, bit) => {
      const here = idsOf(visible.filter((mask) => mask & (1 << bit)))
      expect(ids(lists[`f${bit}`].nodes)).toEqual(here)
      if ((effective & (1 << bit)) === 0) expect(lists[`s${bit}`]).toBeNull()
      else expect(ids(lists[`s${bit}`].agents.nodes)).toEqual(here)
      const nested = lists.spaces.nodes.find((space: any) => space.id === spaceIds[bit])
      if (nested) expect(ids(nested.agents.nodes)).toEqual(here)
    })

    const walked = await walk(secret)
    expect(walked.toSorted()).toEqual(idsOf(visible))
    // Newest first: they were made in the order of their masks.
    expect(walked).toEqual(visible.toReversed().map(idOf))
  }
})

const payload = '{ errors { code path } }'

/** One of the three mutations of an agent that lives, or is to live, in these spaces. */
const mutations: readonly ((mask: number) => string)[] = [
  (mask) => `updateAgent(input: { id: "${idOf(mask)}", description: "changed" }) ${payload}`,
  (mask) => `deleteAgent(input: { id: "${idOf(mask)}" }) ${payload}`,
  (mask) =>
    `createAgent(input: { name: "made", spaceIds: ${JSON.stringify(spacesIn(mask))} }) ${payload}`,
]

/** What a mutation of one kind answers by a key that reaches these spaces. */
function expectedErrors(kind: number, mask: number, effective: number): unknown[] {
  if (isInside(mask, effective)) return []
  if (kind !== 2) return [{ code: 'NOT_FOUND', path: ['input', 'id'] }]
  return spacesIn(mask).flatMap((id, index) =>
    spacesIn(effective).includes(id)
      ? []
      : [{ code: 'NOT_FOUND', path: ['input', 'spaceIds', String(index)] }],
  )
}

/** Puts the agents back as they were before the mutations of one key. */
async function restore(): Promise<void> {
  const { prisma } = world.deps
  const made = await prisma.agent.findMany({ where: { name: 'made' } })
  const its = made.map(({ id }) => id)
  await prisma.agentSpace.deleteMany({ where: { agentId: { in: its } } })
  await prisma.agent.deleteMany({ where: { id: { in: its } } })
  await prisma.agent.updateMany({ data: { deletedAt: null, description: null } })
}

// What cannot be read cannot be changed or deleted, and nothing is made where the maker cannot be;
// a refusal leaves everything as it was.
test.each(['OWNER', 'ADMIN', 'BUILDER'] as const)(
  'mutations by keys of the role %s agree with unanimity',
  async (role) => {
    for (const keyMask of subsets) {
      const { secret } = await keyFor(role, keyMask)
      const effective = keyMask & reach[role]
      // Of a key and an agent each role tries one kind, and the three roles all of them.
      const kindOf = (mask: number): number => (mask + keyMask + roles.indexOf(role)) % 3
      const fields = agentMasks.map((mask): [string, string] => [
        `m${mask}`,
        mutations[kindOf(mask)]?.(mask) ?? '',
      ])
      const answers = await inParts(world, secret, 'mutation', aliased(fields))
      for (const mask of agentMasks)
        expect(answers[`m${mask}`].errors, `agent ${mask} by key ${keyMask}`).toEqual(
          expectedErrors(kindOf(mask), mask, effective),
        )

      const done = (kind: number): number[] =>
        agentMasks.filter((mask) => kindOf(mask) === kind && isInside(mask, effective))
      const rows = await world.deps.prisma.agent.findMany()
      expect(ids(rows.filter((row) => row.description === 'changed'))).toEqual(idsOf(done(0)))
      expect(ids(rows.filter((row) => row.deletedAt !== null))).toEqual(idsOf(done(1)))
      expect(rows.filter((row) => row.name === 'made')).toHaveLength(done(2).length)
      await restore()
    }
  },
)

// A role's ceiling holds whatever the key declares, and the refusal tells nothing of the agent.
test('keys of a MEMBER change no agent, whatever they declare', async () => {
  const { secret } = await keyFor('MEMBER', reach.MEMBER)
  const actions = ['agents:update', 'agents:delete', 'agents:create']
  for (const mask of [0b00010, everything])
    for (const [kind, mutation] of mutations.entries()) {
      const { data, errors } = await world.gql(secret, `mutation { m: ${mutation(mask)} }`)
      expect(data).toEqual({ m: null })
      expect(errors[0]?.extensions).toMatchObject({
        code: 'FORBIDDEN',
        missingPermissions: [actions[kind]],
      })
    }
})
