import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { insertKey } from '../auth/insert-key.ts'
import { leastOfRequest, mostOfRequest } from '../setup/request-time.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { withoutChecks } from '../setup/without-checks.ts'

const spaceCount = 1_000
const agentCount = 20

/** Names every space of the agents but one. */
let secret: string
let spaceId: string

useWorld({ isNew: true })
beforeAll(async () => {
  const { id: workspaceId, ownerId } = await world.createWorkspace()
  const { prisma } = world.deps
  const createdAt = new Date()
  const row = (id: string) => ({ id, workspaceId, name: id, createdAt, updatedAt: createdAt })
  const ids = (kind: 'spc' | 'agt', count: number) =>
    Array.from({ length: count }, () => newId(kind))
  const spaces = ids('spc', spaceCount)
  await prisma.space.createMany({
    data: spaces.map((id) => ({ ...row(id), nameKey: id, visibility: 'OPEN' as const })),
  })
  await prisma.agent.createMany({ data: ids('agt', agentCount).map(row) })
  await withoutChecks(world.deps, async (db) => {
    await db.$executeRaw`
      INSERT INTO "AgentSpace" ("workspaceId", "agentId", "spaceId", "agentCreatedAt")
      SELECT a."workspaceId", a.id, s.id, a."createdAt" FROM "Agent" a
        JOIN "Space" s ON s."workspaceId" = a."workspaceId" WHERE a."workspaceId" = ${workspaceId}`
  })
  const [outside, ...spaceIds] = spaces
  expect(outside).toBeDefined()
  spaceId = spaceIds[0] ?? ''
  const permissions = ['agents:read', 'spaces:read']
  secret = (await insertKey(world, { workspaceId, ownerId, permissions, spaceIds })).secret
  await prisma.$executeRaw`ANALYZE`
})

const lists: readonly [what: string, query: string][] = [
  ['all', '{ agents(first: 1) { nodes { id } } }'],
  ['all, searched', '{ agents(first: 1, filter: { search: "agt" }) { nodes { id } } }'],
  ['those of a space', '{ agents(first: 1, filter: { spaceId: "SPACE" }) { nodes { id } } }'],
  ['those of 100 spaces', '{ spaces(first: 100) { nodes { agents(first: 1) { nodes { id } } } } }'],
]

// To check each agent in each of its spaces took 32 s, for which everybody waited.
test.each(lists)(
  'agents of many spaces, none of them visible: each is checked once: %s',
  async (_, query) => {
    const asked = query.replace('SPACE', spaceId)
    const { value, all, hold } = await leastOfRequest(() => world.gql(secret, asked))
    expect(value.errors).toEqual([])
    expect(JSON.stringify(value.data)).not.toContain('agt_')
    expect(all).toBeLessThan(mostOfRequest.all)
    expect(hold).toBeLessThan(mostOfRequest.hold)
  },
)
