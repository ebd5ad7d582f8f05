import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type IdKind, newId } from '../../src/ids.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

const rows = 50

let world: World
let workspace: TestWorkspace
const sent: string[] = []

/** Notes every statement as the driver is given it, and lets it pass. */
function listen(): void {
  // A driver's query has several signatures: text first, or an object that holds it.
  const note = (query: unknown): void => {
    const text = typeof query === 'object' && query !== null && 'text' in query ? query.text : query
    if (typeof text === 'string' && !text.includes('INSERT INTO "ApiKeyUsage"')) sent.push(text)
  }
  const prototype: { query: (...args: any[]) => any } = inject('postgres')
    ? pg.Client.prototype
    : PGlite.prototype
  const { query } = prototype
  vi.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...args) {
    note(args[0])
    return query.apply(this, args)
  })
}

/** Fifty of each, each with relations of its own and some that all share. */
async function fill({ deps: { prisma }, createWorkspace }: World): Promise<TestWorkspace> {
  const made = await createWorkspace()
  const of = { workspaceId: made.id, createdAt: new Date() }
  const ids = (kind: IdKind): string[] => Array.from({ length: rows }, () => newId(kind))
  const named = <T>(list: readonly string[], more: (index: number) => T) =>
    list.map((id, i) => ({ ...of, id, name: `number ${i}`, updatedAt: of.createdAt, ...more(i) }))
  const at = (list: readonly string[], i: number): string => list[i] ?? ''
  const [users, members, spaces] = [ids('usr'), ids('mem'), ids('spc')]
  const [scopes, keys, agents] = [ids('scp'), ids('key'), ids('agt')]
  /** Each with the first space and one of its own. */
  const inSpaces = <T>(link: (spaceId: string, i: number) => T): T[] =>
    spaces.flatMap((own, i) => [...new Set([own, at(spaces, 0)])].map((space) => link(space, i)))

  await prisma.user.createMany({
    data: users.map((id) => ({ id, kind: 'MACHINE', createdAt: of.createdAt })),
  })
  await prisma.member.createMany({
    data: members.map((id, i) => ({
      ...of,
      id,
      userId: at(users, i),
      name: id,
      role: 'BUILDER' as const,
    })),
  })
  await prisma.space.createMany({
    data: named(spaces, (i) => ({ nameKey: at(spaces, i), visibility: 'RESTRICTED' as const })),
  })
  await prisma.scope.createMany({
    data: named(scopes, (i) => ({ nameKey: at(scopes, i), permissions: ['agents:read'] })),
  })
  await prisma.apiKey.createMany({
    data: named(keys, (i) => ({
      ownerId: at(users, i),
      createdById: at(users, rows - 1 - i),
      start: 'lk_0000',
      last4: '0000',
      permissions: ['agents:*'],
      allSpaces: false,
      allowedIps: [],
      secretEpoch: 0n,
    })),
  })
  await prisma.agent.createMany({ data: named(agents, (i) => ({ createdById: at(users, i) })) })

  const { workspaceId } = of
  await prisma.spaceMember.createMany({
    data: inSpaces((spaceId, i) => ({ workspaceId, spaceId, memberId: at(members, i) })),
  })
  await prisma.agentSpace.createMany({
    data: inSpaces((spaceId, i) => ({ workspaceId, spaceId, agentId: at(agents, i) })),
  })
  await prisma.spaceGrant.createMany({
    data: inSpaces((spaceId, i) => ({
      workspaceId,
      spaceId,
      keyId: at(keys, i),
      narrowed: true,
      permissions: ['agents:read'],
    })),
  })
  await prisma.apiKeyScope.createMany({
    data: keys.map((keyId, i) => ({ workspaceId, keyId, scopeId: at(scopes, i) })),
  })
  return made
}

beforeAll(async () => {
  listen()
  world = await createWorld()
  workspace = await fill(world)
})
afterAll(async () => {
  vi.restoreAllMocks()
  await world.close()
})

const lists = {
  agents: 'nodes { name spaceIds spaces { name } createdBy { name } }',
  spaces: `nodes { name agents { nodes { name } } apiKeys { nodes { name } }
    members { nodes { user { name } } } }`,
  apiKeys: `nodes { name effectivePermissions owner { name } createdBy { name } revokedBy { name }
    scopes { name } spaces { effectivePermissions space { name } } }`,
  members: `nodes { keyCount apiKeys { nodes { name } } spaces { nodes { name } } }`,
  scopes: 'nodes { name keyCount apiKeys { nodes { name } } }',
}

/** The same, further in: relations of the rows of a relation. */
const deep = {
  spaces: `nodes { agents(first: 3) { nodes { createdBy { name } spaces { name
    members(first: 3) { nodes { keyCount } } } } } }`,
  members: `nodes { apiKeys(first: 3) { nodes { effectivePermissions owner { name }
    scopes { keyCount } spaces { space { agents(first: 3) { nodes { name } } } } } } }`,
}

async function statementsOf(list: string, selection: string, first: number): Promise<string[]> {
  const from = sent.length
  const query = `query ($first: Int) { ${list}(first: $first) { ${selection} } }`
  const { data, errors } = await world.gql(workspace.secret, query, { first })
  expect(errors).toEqual([])
  expect(data[list].nodes).toHaveLength(first)
  return sent.slice(from)
}

// Time must grow with what is shown, and not with one more trip to the database for each row.
test.each([...Object.entries(lists), ...Object.entries(deep)])(
  'a page of 50 %s takes as many statements as a page of 5',
  async (list, selection) => {
    await statementsOf(list, selection, 1)
    const few = await statementsOf(list, selection, 5)
    const many = await statementsOf(list, selection, rows)
    expect(few.length).toBeGreaterThan(2)
    expect(many.length, many.join('\n')).toBe(few.length)
  },
)
