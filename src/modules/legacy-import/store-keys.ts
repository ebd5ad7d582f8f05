import type { KeySettings } from '../../auth/delegation.ts'
import { insertNewRows, insertRows } from '../../db/insert-rows.ts'
import { nameKey } from '../../input/text.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { auditSnapshot } from '../api-key/audit-snapshot.ts'
import { storedTerms } from '../api-key/create.ts'
import { receiverOf } from '../api-key/receiver.ts'
import { findUserLevelHashes, hashText, type ImportChange } from './import-context.ts'
import { recordLegacyKeys } from './legacy-secrets.ts'
import type { LegacySecret } from './secret-input.ts'

/** A legacy key to store, all of it checked. */
export interface NewLegacyKey {
  readonly id: string
  readonly name: string
  readonly secret: LegacySecret
  readonly terms: KeySettings
  /** The expired key that loses the name to it. */
  readonly losesName: string | null
}

/**
 * Stores legacy keys, and records an event for each. A few statements for all of them.
 *
 * @returns the ids of those that were not stored, for their secrets are others' already
 */
export async function storeLegacyKeys(
  c: ImportChange,
  keys: readonly NewLegacyKey[],
): Promise<ReadonlySet<string>> {
  const { db, workspace, caller, now } = c
  const workspaceId = workspace.id
  const by = { createdById: caller?.user.id ?? null, createdByKeyId: caller?.key?.id ?? null }
  const namesLost = keys.flatMap(({ losesName }) => losesName ?? [])
  if (namesLost.length > 0)
    await db.apiKey.updateMany({
      where: { workspaceId, id: { in: namesLost } },
      data: { nameKey: null },
    })
  await insertRows(
    db,
    'ApiKey',
    keys.map(({ id, name, secret: { start, last4 }, terms }) => ({
      workspaceId,
      id,
      ownerId: terms.ownerId,
      name,
      nameKey: nameKey(name),
      start,
      last4,
      legacy: true,
      ...storedTerms(terms),
      createdAt: now,
      updatedAt: now,
      ...by,
    })),
  )
  await recordLegacyKeys(c)
  const stored = await storeSecrets(c, keys)
  const lost = new Set(keys.map(({ id }) => id).filter((id) => !stored.has(id)))
  if (lost.size > 0) await db.apiKey.deleteMany({ where: { workspaceId, id: { in: [...lost] } } })
  const kept = keys.filter(({ id }) => stored.has(id))
  await insertRows(
    db,
    'SpaceGrant',
    kept.flatMap(({ id, terms }) =>
      terms.grants.map(({ spaceId }) => ({
        workspaceId,
        keyId: id,
        spaceId,
        narrowed: false,
        permissions: [],
      })),
    ),
  )
  for (const { id, name, terms } of kept)
    c.record({
      action: 'api_key.imported',
      targetId: id,
      targetName: name,
      changes: changesBetween({}, { name, ownerId: terms.ownerId, ...auditSnapshot(terms) }),
    })
  return lost
}

/**
 * Whose secrets were stored: not those that are known, in whatever workspace, or that another one's
 * import stores at the same time.
 */
async function storeSecrets(
  c: ImportChange,
  keys: readonly NewLegacyKey[],
): Promise<ReadonlySet<string>> {
  const { db, workspace, caller, now } = c
  const receiver = receiverOf(caller)
  const ofPeople = await findUserLevelHashes(
    c,
    keys.map(({ secret }) => secret.hash),
  )
  const rows = keys
    .filter(({ secret }) => !ofPeople.has(hashText(secret.hash)))
    .map(({ id, secret: { hash } }) => ({
      hash,
      workspaceId: workspace.id,
      keyId: id,
      createdAt: now,
      legacy: true,
      ...receiver,
    }))
  const stored = new Set((await insertNewRows(db, 'ApiKeySecret', rows, 'hash')).map(hashText))
  return new Set(rows.flatMap(({ hash, keyId }) => (stored.has(hashText(hash)) ? keyId : [])))
}
