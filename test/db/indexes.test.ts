import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyCallerOf } from '../../src/auth/authenticate.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { findKeyByHash } from '../../src/auth/key-record.ts'
import { Prisma } from '../../src/generated/prisma/client.ts'
import { sessions, visibleSessions } from '../../src/modules/session/session.queries.ts'
import { insertSession } from '../auth/insert-session.ts'
import { addHuman } from '../setup/human.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'

let world: World

beforeAll(async () => {
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
})
afterAll(() => world.close())

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
    EXPLAIN SELECT s.* FROM ${sessions.from}
     WHERE s."workspaceId" = ${workspace.id} AND s."createdById" = ${userId}
     ORDER BY s."createdAt" DESC, s.id DESC LIMIT 21`)
  expect(plan.map((row) => Object.values(row)[0]).join('\n')).toContain(
    'Session_workspaceId_createdById_createdAt_id_idx',
  )
})

// Of a large workspace a page is what it shows, also for who reaches some of its spaces only.
test('a page of sessions of some spaces follows the index of its order, and ends with the page', async () => {
  const { prisma } = world.deps
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const [a, b] = [await make.space({ name: 'a' }), await make.space({ name: 'b' })]
  const agents = [
    await make.agent({ name: 'in a', spaceIds: [a] }),
    await make.agent({ name: 'in b', spaceIds: [b] }),
  ]
  const its = { workspaceId: workspace.id, version: 1 }
  await prisma.agentVersion.createMany({ data: agents.map((agentId) => ({ ...its, agentId })) })
  await prisma.$executeRaw`
    INSERT INTO "Session" ("workspaceId", id, "agentId", "agentVersion", "createdById", "createdAt")
    SELECT ${workspace.id}, 'ses_' || lpad(i::text, 26, '0'), (${agents}::text[])[i % 2 + 1], 1,
           ${workspace.ownerId}, now() + i * interval '1 ms' FROM generate_series(1, 5000) i`
  await prisma.$executeRaw`
    INSERT INTO "SessionSpace" ("workspaceId", "sessionId", "spaceId")
    SELECT s."workspaceId", s.id, x."spaceId" FROM "Session" s
      JOIN "AgentSpace" x ON x."workspaceId" = s."workspaceId" AND x."agentId" = s."agentId"
     WHERE s."workspaceId" = ${workspace.id}`
  for (const table of ['Session', 'SessionSpace', 'AgentSpace'])
    await prisma.$executeRaw(Prisma.raw(`ANALYZE "${table}"`))
  const permissions = ['agents:read', 'sessions:read']
  const { secret } = await make.key({ name: 'k', permissions, spaces: [{ spaceId: a }] })
  const hash = hashSecret(secret)
  const key = await findKeyByHash(prisma, hash)
  if (key === undefined) throw new Error('the key is gone')
  const plan = await prisma.$queryRaw<Record<string, string>[]>(Prisma.sql`
    EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) SELECT s.* FROM ${sessions.from}
     WHERE ${visibleSessions(keyCallerOf(key, hash))}
     ORDER BY s."createdAt" DESC, s.id DESC LIMIT 21`)
  const text = plan.map((row) => Object.values(row)[0]).join('\n')
  expect(text).toContain('Session_workspaceId_createdAt_id_idx')
  expect(text).toContain('SessionSpace_pkey')
  // Beside the page itself, the few spaces of one agent may be sorted.
  expect(text.slice(0, text.indexOf('SubPlan 1\n'))).not.toContain('Sort')
  expect(Number(/Rows Removed by Filter: (\d+)/.exec(text)?.[1])).toBeLessThan(50)
})
