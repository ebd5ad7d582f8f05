import { beforeAll, expect, test } from 'vitest'
import { insertKey } from '../auth/insert-key.ts'
import { leastOfRequest, mostOfRequest } from '../setup/request-time.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { withoutChecks } from '../setup/without-checks.ts'

const keyCount = 10_000
const spaceCount = 1_500

const callers = new Map<string, string>()

/** Keys of five spaces each, one in 50 for all of them, and a token of each. */
async function insertMany(): Promise<readonly string[]> {
  const { prisma } = world.deps
  const { id, ownerId } = workspace
  const of = (kind: string) => `${kind}_`
  await withoutChecks(world.deps, async (db) => {
    await db.$executeRaw`
      INSERT INTO "Space" ("workspaceId", id, name, "nameKey", visibility, "createdAt", "updatedAt")
      SELECT ${id}, ${of('spc')} || lpad(i::text, 26, '0'), i, i, 'OPEN', now(), now()
        FROM generate_series(1, ${spaceCount}::int) i`
    await db.$executeRaw`
      INSERT INTO "ApiKey" ("workspaceId", id, "ownerId", name, start, last4, permissions, "allSpaces", "createdAt", "updatedAt")
      SELECT ${id}, ${of('key')} || lpad(i::text, 26, '0'), ${ownerId}, i, 'lk_0', 'abcd', '{agents:read}',
             i % 50 = 0, now() - i * interval '1 second', now() FROM generate_series(1, ${keyCount}::int) i`
    await db.$executeRaw`
      INSERT INTO "SpaceGrant" ("workspaceId", "keyId", "spaceId", narrowed, permissions)
      SELECT ${id}, ${of('key')} || lpad(i::text, 26, '0'),
             ${of('spc')} || lpad((1 + (i * 7 + j * 13) % ${spaceCount}::int)::text, 26, '0'), false, '{}'
        FROM generate_series(1, ${keyCount}::int) i, generate_series(1, 5) j WHERE i % 50 <> 0`
    await db.$executeRaw`
      INSERT INTO "AccessToken" ("workspaceId", id, "keyId", "familyId", "familyExpiresAt", permissions, "allSpaces",
        "spaceIds", narrowings, audience, "createdAt", "expiresAt")
      SELECT "workspaceId", replace(id, 'key', 'tok'), id, id, now() + interval '1 hour', '{}', "allSpaces",
             ARRAY(SELECT "spaceId" FROM "SpaceGrant" g WHERE g."workspaceId" = k."workspaceId" AND g."keyId" = k.id),
             '{}', '{}', "createdAt", now() + interval '1 hour'
        FROM "ApiKey" k WHERE "workspaceId" = ${id} AND start = 'lk_0'`
  })
  const spaces = await prisma.space.findMany({ where: { workspaceId: id }, select: { id: true } })
  return spaces.map((space) => space.id)
}

useWorkspace({ isNew: true })
beforeAll(async () => {
  const { userId } = await seed(world, workspace.secret).machine({ name: 'm', role: 'BUILDER' })
  const spaceIds = await insertMany()
  const all = { workspaceId: workspace.id, permissions: ['*'] }
  const of = async (owner: string, ids?: readonly string[]) =>
    (await insertKey(world, { ...all, ownerId: owner, ...(ids && { spaceIds: ids }) })).secret
  callers.set('the owner', workspace.secret)
  callers.set('who names 1,000 spaces', await of(workspace.ownerId, spaceIds.slice(0, 1_000)))
  callers.set('who names 3 spaces', await of(workspace.ownerId, spaceIds.slice(0, 3)))
  callers.set('who reaches 1,500 spaces', await of(userId))
  // The embedded database gathers statistics by itself, and PostgreSQL within a minute.
  if (world.deps.embedded) await new Promise((resolve) => setTimeout(resolve, 1_000))
  else await world.deps.prisma.$executeRaw`ANALYZE`
})

const keys = (filter: string) => `{ apiKeys(filter: { ${filter} }) { nodes { id status } } }`
const tokens = (filter: string) => `{ accessTokens(filter: { ${filter} }) { nodes { id status } } }`
const lists = [
  keys(''),
  keys('status: EXPIRED, permission: "agents:read"'),
  keys('status: DISABLED'),
  keys('lastUsedBefore: "2020-01-01T00:00:00Z"'),
  keys('search: "nothing of that name"'),
  tokens(''),
  tokens('status: EXPIRED'),
  tokens('status: REVOKED'),
  '{ spaces(first: 100) { nodes { apiKeys(first: 20) { nodes { id status } } } } }',
]

test.each(lists)('no caller holds the thread among many keys and tokens: %s', async (query) => {
  for (const [who, secret] of callers) {
    const { value, all, hold } = await leastOfRequest(() => world.gql(secret, query))
    expect(value.errors, who).toEqual([])
    expect(all, who).toBeLessThan(mostOfRequest.all)
    expect(hold, who).toBeLessThan(mostOfRequest.hold)
  }
})
