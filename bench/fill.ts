import { pino } from 'pino'
import { createApiKeySecret, shownParts } from '../src/auth/credentials/format.ts'
import { secretDigest } from '../src/auth/credentials/hash.ts'
import { readConfig } from '../src/config.ts'
import type { Listed } from '../src/db/page.ts'
import type { Deps } from '../src/deps.ts'
import { newId } from '../src/ids.ts'
import { openInstallation } from '../src/installation.ts'
import { createFirstWorkspace } from '../src/modules/workspace/bootstrap.ts'
import type { Database } from './database.ts'

/** A workspace to fill. */
export interface Workspace {
  readonly deps: Deps
  readonly id: string
  readonly ownerId: string
  /** A key of its owner for everything in all spaces. */
  readonly ownerKey: string
}

/** Creates an empty workspace without limits. */
export type CreateWorkspace = (slug: string) => Promise<Workspace>

/**
 * Fills a new database, past the API, while no server has it. Its statistics are gathered, as
 * autovacuum, or the embedded database by itself, would do a while later.
 */
export async function fill<Filling>(
  { env, engine }: Database,
  work: (createWorkspace: CreateWorkspace) => Promise<Filling>,
): Promise<Filling> {
  const settings = readConfig({ NODE_ENV: 'production', ...env })
  const { deps, close } = await openInstallation(settings, pino({ level: 'warn' }))
  try {
    const filling = await work((slug) => createWorkspace(deps, slug))
    await deps.prisma.$executeRawUnsafe('VACUUM ANALYZE')
    console.log(`filled a database on ${engine}\n`)
    return filling
  } finally {
    await close()
  }
}

async function createWorkspace(deps: Deps, slug: string): Promise<Workspace> {
  const { apiKey, secret } = await createFirstWorkspace(deps, {
    name: slug,
    slug,
    plan: 'ENTERPRISE',
    owner: { name: 'Owner', email: `owner@${slug}.example` },
  })
  const { workspaceId, ownerId } = apiKey
  return { deps, id: workspaceId, ownerId, ownerKey: secret }
}

/** Rows of one statement. */
const chunk = 5_000

/** Inserts rows, all with the columns of the first. */
async function insert(
  { deps: { prisma } }: Workspace,
  table: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).map((name) => `"${name}"`)
  const statement = `INSERT INTO "${table}" (${columns})
    SELECT ${columns} FROM json_populate_recordset(NULL::"${table}", $1::json)`
  for (let start = 0; start < rows.length; start += chunk)
    await prisma.$executeRawUnsafe(statement, JSON.stringify(rows.slice(start, start + chunk)))
  // Without it references to these rows are checked as was planned when there were few.
  await prisma.$executeRawUnsafe(`ANALYZE "${table}"`)
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))

/** Inserts open spaces and returns their ids, the oldest first. */
export async function insertSpaces(workspace: Workspace, count: number): Promise<string[]> {
  const rows = times(count, (index) => ({
    workspaceId: workspace.id,
    id: newId('spc'),
    name: `Space ${index}`,
    nameKey: `space ${index}`,
    visibility: 'OPEN',
    ...writtenAt(count - index),
  }))
  await insert(workspace, 'Space', rows)
  return rows.map(({ id }) => id)
}

/** Inserts an agent for each list of its spaces and returns them, the oldest first. */
export async function insertAgents(
  workspace: Workspace,
  spaceIds: readonly (readonly string[])[],
): Promise<Listed[]> {
  const rows = spaceIds.map((_, index) => ({
    workspaceId: workspace.id,
    id: newId('agt'),
    name: `Agent ${index}`,
    status: 'ACTIVE',
    version: 1,
    createdById: workspace.ownerId,
    ...writtenAt(spaceIds.length - index),
  }))
  await insert(workspace, 'Agent', rows)
  const links = rows.flatMap(({ workspaceId, id, createdAt }, index) =>
    (spaceIds[index] ?? []).map((spaceId) => ({
      workspaceId,
      agentId: id,
      agentCreatedAt: createdAt,
      spaceId,
    })),
  )
  await insert(workspace, 'AgentSpace', links)
  return rows
}

/** What keys may do, and where; absent `spaceIds`: in all spaces. */
export interface KeyRights {
  readonly permissions: readonly string[]
  readonly spaceIds?: readonly string[]
}

/** Inserts keys of the workspace's owner and returns their secrets. */
export async function insertKeys(
  workspace: Workspace,
  count: number,
  { permissions, spaceIds }: KeyRights,
): Promise<string[]> {
  const workspaceId = workspace.id
  const keys = times(count, (index) => {
    const [keyId, secret] = [newId('key'), createApiKeySecret('lk')]
    return { keyId, secret, written: writtenAt(count - index) }
  })
  const rows = keys.map(({ keyId, secret, written }) => ({
    workspaceId,
    id: keyId,
    ownerId: workspace.ownerId,
    createdById: workspace.ownerId,
    name: keyId,
    nameKey: keyId,
    ...shownParts(secret),
    permissions,
    allSpaces: spaceIds === undefined,
    allowedIps: [],
    legacy: false,
    userLevel: false,
    retirePreviousOnFirstUse: false,
    ownerRemoved: false,
    ...written,
  }))
  await insert(workspace, 'ApiKey', rows)
  const secrets = keys.map(({ keyId, secret, written: { createdAt } }) => ({
    hash: `\\x${Buffer.from(secretDigest(secret), 'base64').toString('hex')}`,
    id: crypto.randomUUID(),
    workspaceId,
    keyId,
    legacy: false,
    createdAt,
  }))
  await insert(workspace, 'ApiKeySecret', secrets)
  const grants = keys.flatMap(({ keyId }) =>
    (spaceIds ?? []).map((spaceId) => ({
      workspaceId,
      keyId,
      spaceId,
      narrowed: false,
      permissions: [],
    })),
  )
  await insert(workspace, 'SpaceGrant', grants)
  return keys.map(({ secret }) => secret)
}

/** The first of these keys. */
export async function insertKey(workspace: Workspace, rights: KeyRights): Promise<string> {
  const [secret = ''] = await insertKeys(workspace, 1, rights)
  return secret
}

function writtenAt(secondsAgo: number) {
  const createdAt = new Date(Date.now() - secondsAgo * 1_000)
  return { createdAt, updatedAt: createdAt }
}
