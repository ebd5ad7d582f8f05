import { type IdKind, newId } from '../../src/ids.ts'
import { insertDocument, insertRun, insertSession } from '../auth/insert-session.ts'
import { withoutChecks } from '../setup/without-checks.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** How many there are of each. */
export interface Sizes {
  readonly spaces: number
  readonly agents: number
  readonly keys: number
  readonly scopes: number
}

/** A workspace in which every list is as long as it may be. */
export interface LargeWorkspace extends TestWorkspace {
  readonly spaceIds: readonly string[]
  /** Each in every space. */
  readonly agentIds: readonly string[]
  /** Each names every space and has every scope. */
  readonly keyIds: readonly string[]
  readonly scopeIds: readonly string[]
  /** Each with as many documents as there may be. */
  readonly sessionIds: readonly string[]
}

const largest: Sizes = { spaces: 1_000, agents: 100, keys: 20, scopes: 50 }

/** Whatever text may be long, in characters that JSON makes six bytes of. */
const description = '\u0001'.repeat(1_000)

/** As long as what is asked and what is answered may be, in characters that JSON makes six bytes of. */
const longText = '\u0001'.repeat(100_000)
const instructions = '\u0001'.repeat(32_768)
const runsOfSession = 20

const ids = (kind: IdKind, count: number): string[] =>
  Array.from({ length: count }, () => newId(kind))

async function addSessions(world: World, workspace: TestWorkspace, agentIds: readonly string[]) {
  const sessionIds: string[] = []
  for (const agentId of agentIds.slice(0, 3)) {
    const id = await insertSession(world, workspace, agentId)
    for (let count = 0; count < world.deps.documents.maxCount; count += 1)
      await insertDocument(world, workspace, id)
    for (let count = 0; count < runsOfSession; count += 1)
      await insertRun(world, workspace, id, longText)
    sessionIds.push(id)
  }
  return sessionIds
}

/** A workspace of its own whose agents are in all spaces, and whose keys name all spaces and scopes. */
export async function createLargeWorkspace(
  world: World,
  sizes: Sizes = largest,
): Promise<LargeWorkspace> {
  const workspace = await world.createWorkspace()
  const { prisma } = world.deps
  const { id: workspaceId, ownerId } = workspace
  const at = new Date()
  const of = { workspaceId, createdAt: at, updatedAt: at, description }
  const spaceIds = ids('spc', sizes.spaces)
  const agentIds = ids('agt', sizes.agents)
  const keyIds = ids('key', sizes.keys)
  const scopeIds = ids('scp', sizes.scopes)
  await prisma.space.createMany({
    data: spaceIds.map((id) => ({ ...of, id, name: id, nameKey: id, visibility: 'RESTRICTED' })),
  })
  await prisma.agent.createMany({
    data: agentIds.map((id) => ({ ...of, id, name: id, instructions })),
  })
  await prisma.scope.createMany({
    data: scopeIds.map((id) => ({ ...of, id, name: id, nameKey: id, permissions: ['*:read'] })),
  })
  const shown = { start: 'lk_0000', last4: '0000' }
  const key = { ...shown, permissions: ['*'], allSpaces: false, allowedIps: [] }
  await prisma.apiKey.createMany({
    data: keyIds.map((id) => ({ ...of, ...key, id, ownerId, name: id })),
  })
  await prisma.apiKeyScope.createMany({
    data: keyIds.flatMap((keyId) => scopeIds.map((scopeId) => ({ workspaceId, keyId, scopeId }))),
  })
  await withoutChecks(world.deps, async (db) => {
    await db.$executeRaw`
      INSERT INTO "AgentSpace" ("workspaceId", "agentId", "agentCreatedAt", "spaceId")
      SELECT ${workspaceId}, a, ${at}, s
        FROM unnest(${agentIds}::text[]) AS a, unnest(${spaceIds}::text[]) AS s`
    await db.$executeRaw`
      INSERT INTO "SpaceGrant" ("workspaceId", "keyId", "spaceId", narrowed, permissions)
      SELECT ${workspaceId}, k, s, FALSE, '{}'
        FROM unnest(${keyIds}::text[]) AS k, unnest(${spaceIds}::text[]) AS s`
  })
  await prisma.$executeRaw`ANALYZE`
  const sessionIds = await addSessions(world, workspace, agentIds)
  return { ...workspace, spaceIds, agentIds, keyIds, scopeIds, sessionIds }
}
