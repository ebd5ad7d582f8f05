import { beforeAll, expect, test } from 'vitest'
import { inParts } from '../setup/in-parts.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { insertKey } from './insert-key.ts'

// Spaces are bits, and sets of spaces are masks. B is open, and the builder was added to A.
const subsets = Array.from({ length: 8 }, (_, mask) => mask)
const everything = 0b111
const reach = { OWNER: everything, ADMIN: everything, BUILDER: 0b011 }
type RoleName = keyof typeof reach
const roles = Object.keys(reach) as RoleName[]

/** A key that is looked at, and looks: 'all' is every space that its owner reaches. */
interface Key {
  readonly id: string
  readonly secret: string
  readonly role: RoleName
  readonly spaces: number | 'all'
}

let spaceIds: string[] = []
let scope = ''
let keys: Key[] = []
const userIds = new Map<RoleName, string>()

useWorkspace()
beforeAll(async () => {
  const { id: workspaceId, ownerId, keyId, secret } = workspace
  const make = seed(world, secret)
  spaceIds = [
    await make.space({ name: 'A' }),
    await make.space({ name: 'B', visibility: 'OPEN' }),
    await make.space({ name: 'C' }),
  ]
  scope = await make.scope({ name: 'scope' })
  userIds.set('OWNER', ownerId)
  userIds.set('ADMIN', (await make.machine({ name: 'admin', role: 'ADMIN' })).userId)
  const builder = { name: 'builder', role: 'BUILDER', spaceIds: spaceIds.slice(0, 1) }
  userIds.set('BUILDER', (await make.machine(builder)).userId)
  keys = [{ id: keyId, secret, role: 'OWNER', spaces: 'all' }]
  for (const role of roles)
    for (const spaces of [...subsets, 'all' as const]) {
      const raw = { workspaceId, ownerId: userIds.get(role) ?? '', permissions: ['*'] }
      const key = await insertKey(world, {
        ...raw,
        ...(spaces !== 'all' && { spaceIds: spaceIds.filter((_, bit) => spaces & (1 << bit)) }),
      })
      keys.push({ ...key, role, spaces })
    }
  await world.deps.prisma.apiKeyScope.createMany({
    data: keys.map(({ id }) => ({ workspaceId, keyId: id, scopeId: scope })),
  })
})

const effective = ({ role, spaces }: Key): number =>
  spaces === 'all' ? reach[role] : spaces & reach[role]

const hasAllSpaces = ({ role, spaces }: Key): boolean => role !== 'BUILDER' && spaces === 'all'

/** The rule, as it is written: who sees which key. */
function sees(caller: Key, key: Key): boolean {
  if (key.id === caller.id) return true
  if (caller.role === 'BUILDER' && key.role !== 'BUILDER') return false
  if (hasAllSpaces(caller)) return true
  if (key.spaces === 'all') return key.role === caller.role && caller.spaces === 'all'
  return (key.spaces & effective(caller)) === key.spaces
}

const actsIn = ({ spaces }: Key, bit: number): boolean =>
  spaces === 'all' || (spaces & (1 << bit)) !== 0

const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id).sort()
const titleOf = ({ role, spaces }: Key): string => `${role} ${spaces}`

// A key that is out of sight is out of every list, count and filter as well.
test('all ways of asking for keys agree on which there are', async () => {
  const list = '(first: 100) { nodes { id } }'
  const filtered = (filter: string): string =>
    `apiKeys(first: 100, filter: { ${filter} }) { nodes { id } }`
  const fields = [
    ...keys.map(({ id }, index) => `k${index}: apiKey(id: "${id}") { id }`),
    `apiKeys${list}`,
    `spaces { nodes { id apiKeys${list} } }`,
    ...spaceIds.map((id, bit) => `f${bit}: ${filtered(`spaceId: "${id}"`)}`),
    `members { nodes { user { id } keyCount apiKeys${list} } }`,
    ...roles.map((role) => `${role}: ${filtered(`ownerId: "${userIds.get(role)}"`)}`),
    `scope(id: "${scope}") { keyCount apiKeys${list} }`,
    `linked: ${filtered(`scopeId: "${scope}"`)}`,
    'workspace { apiKeyCount }',
  ]
  for (const caller of keys) {
    const data = await inParts(world, caller.secret, 'query', fields)
    const visible = keys.filter((key) => sees(caller, key))
    const expected = (which: (key: Key) => boolean): string[] => ids(visible.filter(which))
    const title = titleOf(caller)

    const items = keys.flatMap((_, index) => data[`k${index}`] ?? [])
    for (const nodes of [items, data.apiKeys.nodes, data.linked.nodes, data.scope.apiKeys.nodes])
      expect(ids(nodes), title).toEqual(ids(visible))
    expect(data.scope.keyCount, title).toBe(visible.length)
    expect(data.workspace.apiKeyCount, title).toBe(visible.length)

    for (const [bit, id] of spaceIds.entries()) {
      const isReached = (effective(caller) & (1 << bit)) !== 0
      const here = isReached ? expected((key) => actsIn(key, bit)) : []
      expect(ids(data[`f${bit}`].nodes), `${title} in ${bit}`).toEqual(here)
      const space = data.spaces.nodes.find((node: any) => node.id === id)
      expect(space === undefined, title).toBe(!isReached)
      if (space) expect(ids(space.apiKeys.nodes), title).toEqual(here)
    }
    for (const role of roles) {
      const theirs = expected((key) => key.role === role)
      expect(ids(data[role].nodes), title).toEqual(theirs)
      const member = data.members.nodes.find((node: any) => node.user.id === userIds.get(role))
      expect(ids(member.apiKeys.nodes), title).toEqual(theirs)
      expect(member.keyCount, title).toBe(theirs.length)
    }
  }
})

const changes: readonly ((id: string) => string)[] = [
  (id) => `updateApiKey(input: { id: "${id}", name: "taken" })`,
  (id) => `disableApiKey(input: { id: "${id}" })`,
  (id) => `enableApiKey(input: { id: "${id}" })`,
  (id) => `rotateApiKey(input: { id: "${id}" })`,
  (id) => `revokeApiKey(input: { id: "${id}" })`,
  (id) => `transferApiKey(input: { id: "${id}", ownerId: "${userIds.get('BUILDER')}" })`,
]

// What is out of sight cannot be touched, and the refusal is that of an id of nothing.
test('no mutation reaches a key that its caller does not see', async () => {
  const tried = new Set<number>()
  for (const [turn, caller] of keys.entries()) {
    // Each pair tries one of the mutations.
    const fields = keys.flatMap((key, index) => {
      if (sees(caller, key)) return []
      const kind = (turn + index) % changes.length
      tried.add(kind)
      return [`m${index}: ${changes[kind]?.(key.id)} { errors { code path } }`]
    })
    if (fields.length === 0) continue
    const answers = Object.values(await inParts(world, caller.secret, 'mutation', fields))
    expect(answers).toHaveLength(fields.length)
    for (const answer of answers)
      expect(answer, titleOf(caller)).toEqual({
        errors: [{ code: 'NOT_FOUND', path: ['input', 'id'] }],
      })
  }
  expect(tried.size).toBe(changes.length)
})
