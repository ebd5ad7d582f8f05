import { afterAll, beforeAll, expect, test } from 'vitest'
import { Prisma } from '../../src/generated/prisma/client.ts'
import { newId } from '../../src/ids.ts'
import { insertSession } from '../auth/insert-session.ts'
import { addHuman } from '../setup/human.ts'
import { seed } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type World } from '../setup/world.ts'

let world: World
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

// A claim passes all that the member has to another user: it must not read what everybody has.
test('whatever belongs to a member is found by an index, but for what a workspace has few of', async () => {
  const unindexed = await world.deps.prisma.$queryRaw`
    SELECT k.conrelid::regclass::text AS "table", k.conname AS name FROM pg_constraint k
     WHERE k.contype = 'f' AND k.confupdtype = 'c' AND k.confrelid = '"Member"'::regclass
       AND NOT EXISTS (SELECT 1 FROM pg_index i
         WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
           AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] = k.conkey)
     ORDER BY k.conname`
  expect(unindexed).toEqual([
    { table: '"Agent"', name: 'Agent_workspaceId_createdById_fkey' },
    { table: '"ApiKey"', name: 'ApiKey_workspaceId_createdById_fkey' },
    { table: '"ApiKey"', name: 'ApiKey_workspaceId_revokedById_fkey' },
  ])
})

test('the first page of what a MEMBER sees reads none of the sessions of others', async () => {
  const { prisma } = world.deps
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const agentId = await make.agent({ name: 'a', spaceIds: [await make.space({ name: 's' })] })
  const own = await insertSession(world, workspace, agentId)
  const { userId } = await addHuman(world, workspace, 'MEMBER')
  await prisma.session.update({
    where: { workspaceId_id: { workspaceId: workspace.id, id: own } },
    data: { createdById: userId },
  })
  await prisma.$executeRaw`
    INSERT INTO "Session" ("workspaceId", id, "agentId", "agentVersion", "createdById", "createdAt")
    SELECT ${workspace.id}, 'ses_' || lpad(i::text, 26, '0'), ${agentId}, 1, ${workspace.ownerId},
           now() + i * interval '1 ms' FROM generate_series(1, 2000) i`
  await prisma.$executeRaw`ANALYZE "Session"`
  const plan = await prisma.$queryRaw<Record<string, string>[]>(Prisma.sql`
    EXPLAIN SELECT s.* FROM "Session" s
     WHERE s."workspaceId" = ${workspace.id} AND s."createdById" = ${userId}
     ORDER BY s."createdAt" DESC, s.id DESC LIMIT 21`)
  expect(plan.map((row) => Object.values(row)[0]).join('\n')).toContain(
    'Session_workspaceId_createdById_createdAt_id_idx',
  )
})

/** The plans of what a page reads of its rows, with how many rows each step took. */
async function plansOfPage(
  secret: string,
  table: string,
  page: string,
): Promise<{ plans: string[]; ids: string[] }> {
  const from = statements.sent.length
  const { data, errors } = await world.gql(secret, `{ page: ${page} { nodes { id } } }`)
  expect(errors).toEqual([])
  const plans: string[] = []
  for (const [index, text] of [...statements.sent.entries()].slice(from)) {
    if (!text.trimStart().startsWith('SELECT') || !text.includes(`"${table}"`)) continue
    const rows = await world.deps.prisma.$queryRawUnsafe<Record<string, string>[]>(
      `EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) ${text}`,
      ...(statements.parameters[index] ?? []),
    )
    plans.push(rows.map((row) => Object.values(row)[0]).join('\n'))
  }
  return { plans, ids: data.page.nodes.map(({ id }: { id: string }) => id) }
}

// Of a large workspace a page is what it shows, also for who reaches some of its spaces only.
test('a page of sessions reads the newest for who sees many, and what they see for who sees few', async () => {
  const { prisma } = world.deps
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces: string[] = []
  const agents: string[] = []
  for (const name of ['many', 'few', 'rest']) {
    const id = await make.space({ name })
    spaces.push(id)
    agents.push(await make.agent({ name, spaceIds: [id] }))
  }
  const at = { createdAt: new Date(), updatedAt: new Date() }
  const others = Array.from({ length: 100 }, () => newId('agt'))
  agents.push(...others)
  await prisma.agent.createMany({
    data: others.map((id) => ({ workspaceId: workspace.id, id, name: id, ...at })),
  })
  await prisma.agentSpace.createMany({
    data: others.map((agentId) => ({
      workspaceId: workspace.id,
      agentId,
      agentCreatedAt: at.createdAt,
      spaceId: spaces[2] ?? '',
    })),
  })
  const its = { workspaceId: workspace.id, version: 1 }
  await prisma.agentVersion.createMany({ data: agents.map((agentId) => ({ ...its, agentId })) })
  // Every second one with the first agent, and the five oldest with the second.
  await prisma.$executeRaw`
    INSERT INTO "Session" ("workspaceId", id, "agentId", "agentVersion", "createdById", "createdAt")
    SELECT ${workspace.id}, 'ses_' || lpad(i::text, 26, '0'),
           (${agents}::text[])[CASE WHEN i <= 5 THEN 2 WHEN i % 2 = 0 THEN 1 ELSE 3 + i % 101 END], 1,
           ${workspace.ownerId}, now() + i * interval '1 ms' FROM generate_series(1, 5000) i`
  await prisma.$executeRaw`
    INSERT INTO "SessionSpace" ("workspaceId", "sessionId", "spaceId")
    SELECT s."workspaceId", s.id, x."spaceId" FROM "Session" s
      JOIN "AgentSpace" x ON x."workspaceId" = s."workspaceId" AND x."agentId" = s."agentId"
     WHERE s."workspaceId" = ${workspace.id}`
  for (const table of ['Session', 'SessionSpace', 'AgentSpace', 'Agent'])
    await prisma.$executeRaw(Prisma.raw(`ANALYZE "${table}"`))
  const keyFor = async (spaceId: string | undefined, name: string) => {
    const permissions = ['agents:read', 'sessions:read']
    return (await make.key({ name, permissions, spaces: [{ spaceId }] })).secret
  }
  const pageOf = (secret: string) => plansOfPage(secret, 'Session', 'sessions')
  const many = await pageOf(await keyFor(spaces[0], 'sees many'))
  const idOf = (number: number) => `ses_${String(number).padStart(26, '0')}`
  expect(many.ids).toEqual(Array.from({ length: 20 }, (_, index) => idOf(5000 - 2 * index)))
  const [newest = '', judged = '', page = ''] = many.plans
  expect(many.plans).toHaveLength(3)
  expect(newest).toMatch(/Session_workspaceId_createdAt_id_idx.* rows=250/)
  expect(newest).not.toContain('Sort')
  expect(judged).toContain('SessionSpace_pkey')
  expect(judged).not.toMatch(/Seq Scan on "Session(Space)?"/)
  expect(page).not.toContain('Seq Scan on "Session"')

  const few = await pageOf(await keyFor(spaces[1], 'sees few'))
  expect(few.ids).toEqual([5, 4, 3, 2, 1].map(idOf))
  expect(few.plans).toHaveLength(3)
  expect(few.plans[2]).not.toMatch(/Seq Scan on "Session(Space)?"/)
  // No step of it takes more rows than the agents have spaces.
  const taken = [...(few.plans[2] ?? '').matchAll(/ rows=(\d+)/g)].map(([, rows]) => Number(rows))
  expect(Math.max(...taken)).toBeLessThan(200)
})

// An integration looks for the keys of one of its customers, however many keys there are.
test('a page of keys by an external id or a label reads those alone', async () => {
  const { prisma } = world.deps
  const workspace = await world.createWorkspace()
  await prisma.$executeRaw`
    INSERT INTO "ApiKey" ("workspaceId", id, "ownerId", name, "nameKey", start, last4, "allSpaces",
                          "externalId", "createdAt", "updatedAt")
    SELECT ${workspace.id}, 'key_' || lpad(i::text, 26, '0'), ${workspace.ownerId}, i::text, i::text,
           '', '', FALSE, 'customer ' || i % 1000, now(), now() FROM generate_series(1, 5000) i`
  await prisma.$executeRaw`
    INSERT INTO "ApiKeyLabel" ("workspaceId", "keyId", name, value)
    SELECT "workspaceId", id, 'customer', "externalId" FROM "ApiKey"
     WHERE "workspaceId" = ${workspace.id} AND "externalId" IS NOT NULL`
  for (const table of ['ApiKey', 'ApiKeyLabel'])
    await prisma.$executeRaw(Prisma.raw(`ANALYZE "${table}"`))
  for (const [filter, index] of [
    ['externalId: "customer 7"', 'ApiKey_workspaceId_externalId_createdAt_id_idx'],
    ['label: { name: "customer", value: "customer 7" }', 'ApiKeyLabel_workspaceId_name_value_idx'],
  ] as const) {
    const page = `apiKeys(filter: { ${filter} })`
    const { plans, ids } = await plansOfPage(workspace.secret, 'ApiKey', page)
    // Before it the calling key is read.
    const plan = plans.at(-1) ?? ''
    expect(ids).toHaveLength(5)
    expect(plan).toContain(index)
    expect(Math.max(...[...plan.matchAll(/rows=(\d+)/g)].map(([, rows]) => Number(rows)))).toBe(5)
  }
})
