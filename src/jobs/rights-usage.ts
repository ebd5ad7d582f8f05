import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { prefixOf } from '../ids.ts'

/** How long the use of a permission or space is kept, in days. */
export const keptDays = 90

/** A name of what a key used: a permission, or the id of a space or of a row in spaces. */
interface UsedName {
  readonly workspaceId: string
  readonly keyId: string
  readonly name: string
}

/** What keys used of their rights since it was last taken. */
export interface RightsGatherer {
  /** Notes permissions, and ids of spaces and rows. Returns whether it should be stored at once. */
  add(key: Omit<UsedName, 'name'>, permissions: Iterable<string>, ids: Iterable<string>): boolean
  /** What is to be stored, sorted, so that replicas that store at once do not wait for each other in a circle. */
  take(): UsedName[]
  /** Takes back what could not be stored. */
  restore(names: readonly UsedName[]): void
}

/** Names that were noted on the present day, and those of them that are to be stored; rows only there. */
interface UseOfKey extends Omit<UsedName, 'name'> {
  readonly seen: Set<string>
  readonly pending: Set<string>
}

/** How many names are remembered as noted. */
const maxSeen = 100_000
/** So many are stored without waiting for their turn. */
const maxPending = 10_000

const rowKinds = new Set(['agt', 'ses', 'run', 'doc'])
const isPermission = (name: string): boolean => name.includes(':')

/** The present day, UTC, as PostgreSQL reads it. */
export const presentDay = (): string => new Date().toISOString().slice(0, 'yyyy-mm-dd'.length)

/**
 * Gathers what keys use of their rights. A permission or space that was noted on a day is not noted
 * again; a row is, for it may have been moved to other spaces. What is asked for each request is found
 * by strings that callers keep: one made for the purpose would take longer than all else.
 */
export function createRightsGatherer(): RightsGatherer {
  let byWorkspace = new Map<string, Map<string, UseOfKey>>()
  let day = presentDay()
  let seenCount = 0
  const toStore = new Set<UseOfKey>()
  let pendingCount = 0

  const useOf = (workspaceId: string, keyId: string): UseOfKey => {
    const keys = byWorkspace.get(workspaceId) ?? new Map<string, UseOfKey>()
    if (keys.size === 0) byWorkspace.set(workspaceId, keys)
    const known = keys.get(keyId)
    if (known !== undefined) return known
    const use = { workspaceId, keyId, seen: new Set<string>(), pending: new Set<string>() }
    keys.set(keyId, use)
    return use
  }
  const addTo = (use: UseOfKey, name: string): void => {
    if (use.pending.has(name)) return
    if (use.pending.size === 0) toStore.add(use)
    use.pending.add(name)
    pendingCount += 1
  }
  const addOnce = (use: UseOfKey, name: string): void => {
    use.seen.add(name)
    seenCount += 1
    addTo(use, name)
  }
  return {
    add({ workspaceId, keyId }, permissions, ids) {
      const use = useOf(workspaceId, keyId)
      const seenBefore = seenCount
      for (const name of permissions) if (!use.seen.has(name)) addOnce(use, name)
      for (const id of ids)
        if (rowKinds.has(prefixOf(id))) addTo(use, id)
        else if (!use.seen.has(id) && prefixOf(id) === 'spc') addOnce(use, id)
      return seenCount > seenBefore || pendingCount >= maxPending
    },
    take() {
      const taken = [...toStore].flatMap(({ workspaceId, keyId, pending }) =>
        [...pending].map((name) => ({ workspaceId, keyId, name })),
      )
      for (const { pending } of toStore) pending.clear()
      toStore.clear()
      pendingCount = 0
      if (day !== presentDay() || seenCount >= maxSeen) {
        byWorkspace = new Map()
        day = presentDay()
        seenCount = 0
      }
      return taken.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    },
    restore(names) {
      for (const { workspaceId, keyId, name } of names) addTo(useOf(workspaceId, keyId), name)
    },
  }
}

const keyOf = ({ workspaceId, keyId, name }: UsedName): string => `${workspaceId} ${keyId} ${name}`

const rowsOf = (names: readonly UsedName[]): Prisma.Sql => Prisma.sql`
  unnest(${names.map((it) => it.workspaceId)}::text[], ${names.map((it) => it.keyId)}::text[],
         ${names.map((it) => it.name)}::text[]) AS it (w, k, used)`

const storePermissions = (prisma: PrismaClient, names: readonly UsedName[], day: string) =>
  prisma.$executeRaw`
    INSERT INTO "ApiKeyPermissionUsage" ("workspaceId", "keyId", permission, "lastUsedOn")
    SELECT w, k, used, ${day}::date FROM ${rowsOf(names)}
    ON CONFLICT ("workspaceId", "keyId", permission) DO UPDATE SET "lastUsedOn" = excluded."lastUsedOn"
     WHERE "ApiKeyPermissionUsage"."lastUsedOn" < excluded."lastUsedOn"`

/**
 * The spaces of a row are looked up here, off the request's path: those of an agent, and of a session,
 * its runs and documents those that it began in and that its agent has. A space must be there: who has
 * all of them reaches any id.
 */
const storeSpaces = (prisma: PrismaClient, names: readonly UsedName[], day: string) =>
  prisma.$executeRaw`
    WITH names AS MATERIALIZED (SELECT * FROM ${rowsOf(names)}),
    sessions AS MATERIALIZED (
      SELECT w, k, used AS id FROM names WHERE used LIKE 'ses\\_%'
       UNION SELECT w, k, r."sessionId" FROM names JOIN "Run" r ON r."workspaceId" = w AND r.id = used
       UNION SELECT w, k, d."sessionId" FROM names JOIN "Document" d ON d."workspaceId" = w AND d.id = used),
    agents AS MATERIALIZED (
      SELECT w, k, used AS id FROM names WHERE used LIKE 'agt\\_%'
       UNION SELECT w, k, s."agentId" FROM sessions JOIN "Session" s ON s."workspaceId" = w AND s.id = sessions.id),
    spaces AS (
      SELECT w, k, s.id FROM names JOIN "Space" s ON s."workspaceId" = w AND s.id = used
       UNION SELECT w, k, x."spaceId" FROM sessions
               JOIN "SessionSpace" x ON x."workspaceId" = w AND x."sessionId" = sessions.id
       UNION SELECT w, k, x."spaceId" FROM agents
               JOIN "AgentSpace" x ON x."workspaceId" = w AND x."agentId" = agents.id)
    INSERT INTO "ApiKeySpaceUsage" ("workspaceId", "keyId", "spaceId", "lastUsedOn")
    SELECT w, k, id, ${day}::date FROM spaces
     WHERE NOT EXISTS (
       SELECT 1 FROM "ApiKeySpaceUsage" u
        WHERE u."workspaceId" = w AND u."keyId" = k AND u."spaceId" = spaces.id AND u."lastUsedOn" >= ${day}::date)
     ORDER BY w COLLATE "C", k COLLATE "C", id COLLATE "C"
    ON CONFLICT ("workspaceId", "keyId", "spaceId") DO UPDATE SET "lastUsedOn" = excluded."lastUsedOn"
     WHERE "ApiKeySpaceUsage"."lastUsedOn" < excluded."lastUsedOn"`

const atOnce = 1_000

/** Stores that the names were used on that day, a thousand at a time; a later day already stored stays. */
export async function storeUsedRights(
  prisma: PrismaClient,
  names: readonly UsedName[],
  day: string,
): Promise<void> {
  for (const [isOfKind, store] of [
    [isPermission, storePermissions],
    [(name: string) => !isPermission(name), storeSpaces],
  ] as const) {
    const its = names.filter(({ name }) => isOfKind(name))
    for (let from = 0; from < its.length; from += atOnce)
      await store(prisma, its.slice(from, from + atOnce), day)
  }
}

/** Deletes what was not used for `keptDays`. Rows that are being written are left to the next day. */
export async function deleteOldUsage(prisma: PrismaClient, day: string): Promise<void> {
  for (const table of ['"ApiKeyPermissionUsage"', '"ApiKeySpaceUsage"'].map(Prisma.raw)) {
    let deleted = atOnce
    while (deleted === atOnce)
      deleted = await prisma.$executeRaw`
        DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM ${table} WHERE "lastUsedOn" < ${day}::date - ${keptDays}::int
           LIMIT ${atOnce} FOR UPDATE SKIP LOCKED))`
  }
}
