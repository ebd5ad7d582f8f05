import type { Caller } from '../../auth/caller.ts'
import { insertNewRows, insertOf } from '../../db/insert-rows.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { auditSnapshot } from '../api-key/audit-snapshot.ts'
import { keyRow } from '../api-key/create.ts'
import { receiverOf } from '../api-key/receiver.ts'
import { findUserLevelSecrets, type Import } from './import-context.ts'
import { hashText, type NewLegacyKey } from './plan-import.ts'

/** A legacy key as a workspace knows it: the secret of a user-level key is stored in none. */
type KeyInWorkspace = Pick<NewLegacyKey, 'id' | 'name' | 'start' | 'last4' | 'level' | 'terms'>

/** The row of a legacy key in a workspace; without a maker the operator made it. */
export const legacyKeyRow = (
  c: WorkspaceTransaction,
  key: KeyInWorkspace,
  maker: Caller | null = null,
) => ({
  ...keyRow(c, key, maker),
  legacy: true,
  userLevel: key.level === 'user',
})

/** Records that a legacy key works in the workspace from now on. */
export function recordImport(
  { record }: WorkspaceTransaction,
  { id, name, level, terms }: KeyInWorkspace,
): void {
  const { ownerId, permissions, allSpaces } = terms
  const shown =
    level === 'user' ? { permissions, allSpaces, userLevel: true } : auditSnapshot(terms)
  record({
    action: 'api_key.imported',
    targetId: id,
    targetName: name,
    changes: changesBetween<object>({}, { name, ownerId, ...shown }),
  })
}

async function freeNames(
  { db }: WorkspaceTransaction,
  keys: readonly NewLegacyKey[],
): Promise<void> {
  const losers = keys.flatMap((key) => key.losers)
  if (losers.length === 0) return
  const workspaceIds = losers.map(({ workspaceId }) => workspaceId)
  await db.$executeRaw`
    UPDATE "ApiKey" SET "nameKey" = NULL
     WHERE ("workspaceId", id) IN (
       SELECT * FROM unnest(${workspaceIds}::text[], ${losers.map(({ id }) => id)}::text[]))`
}

/**
 * Stores the secrets that no key has, here or in another workspace whose import stores them now.
 *
 * @returns their hashes, by `hashText`
 */
async function storeSecrets(
  { level, caller, changes: [{ db, workspace, now: createdAt }] }: Import,
  keys: readonly NewLegacyKey[],
): Promise<ReadonlySet<string>> {
  if (level === 'user') {
    const rows = keys.map(({ id, name, hash, start, last4, terms: { ownerId: userId } }) => {
      return { id, userId, name, hash, start, last4, createdAt }
    })
    return new Set((await insertNewRows(db, 'UserLegacyKey', rows, 'hash')).map(hashText))
  }
  const hashes = keys.map(({ hash }) => hash)
  const taken = new Set((await findUserLevelSecrets(db, hashes)).map(({ hash }) => hashText(hash)))
  const its = { workspaceId: workspace.id, createdAt, legacy: true, ...receiverOf(caller) }
  const rows = keys
    .filter(({ hash }) => !taken.has(hashText(hash)))
    .map(({ id: keyId, hash }) => ({ ...its, keyId, hash }))
  return new Set((await insertNewRows(db, 'ApiKeySecret', rows, 'hash')).map(hashText))
}

/**
 * Stores legacy keys, with an event for each in every workspace of theirs, by a few statements for all
 * of them.
 *
 * @returns the ids of those that were not stored, for another key has their secret
 */
export async function storeLegacyKeys(
  target: Import,
  keys: readonly NewLegacyKey[],
): Promise<ReadonlySet<string>> {
  const { caller: maker, changes } = target
  const [c] = changes
  const { db, deps, now } = c
  await deps.legacyKeys.noteImport(db, now)
  await freeNames(c, keys)
  const byWorkspace = Map.groupBy(changes, ({ workspace }) => workspace.id)
  const entries = keys.flatMap((key) => {
    const places = key.workspaceIds.flatMap((id) => byWorkspace.get(id) ?? [])
    return places.map((there) => ({ there, key }))
  })
  const rows = entries.map(({ there, key }) => legacyKeyRow(there, key, maker))
  if (rows.length > 0) await db.$executeRaw(insertOf('ApiKey', rows))
  const stored = await storeSecrets(target, keys)
  const lost = new Set(keys.flatMap(({ id, hash }) => (stored.has(hashText(hash)) ? [] : id)))
  if (lost.size > 0)
    await db.apiKey.deleteMany({
      where: { workspaceId: { in: [...byWorkspace.keys()] }, id: { in: [...lost] } },
    })
  const kept = entries.filter(({ key }) => !lost.has(key.id))
  const grants = kept.flatMap(({ there: { workspace }, key: { id: keyId, terms } }) =>
    terms.grants.map(({ spaceId, narrowed }) => {
      return { workspaceId: workspace.id, keyId, spaceId, narrowed, permissions: [] }
    }),
  )
  c.insert('SpaceGrant', grants)
  for (const { there, key } of kept) recordImport(there, key)
  return lost
}
